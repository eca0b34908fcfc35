"""What conneg serves over HTTPS: the service where devices publish what they can take."""
