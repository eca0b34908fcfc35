"""Documents: looked at, offered in other forms, converted, checked."""
