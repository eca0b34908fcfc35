"""Every statement the spool runs, by name. A whole group commit is one statement, its rows one JSON text.

That is not for SQLite's sake but for Python's: each step of a statement gives up the interpreter lock, and a busy event
loop may keep it for milliseconds before the writing thread has it again.
"""

# ruff: noqa: S608 (what is put into these texts are the constants of the model; values are always parameters)

from conneg.spool.model import FINAL, TRANSITIONS, Event

VERSION = 3

_FINAL = ", ".join(f"'{state}'" for state in sorted(FINAL))
_DUE = "state IN ('queued', 'deferred') AND claimed = 0"
_ROWS = ", ".join(f"('{before}', '{event}', '{after}')" for (before, event), after in TRANSITIONS.items())
_MOVE = f"(SELECT column1 AS before, column2 AS event, column3 AS after FROM (VALUES {_ROWS}))"
_ACCEPT_LOG = """
CREATE TABLE accept_log (
    number INTEGER PRIMARY KEY,
    generation INTEGER NOT NULL     -- the last one whose messages are all in here; 0 where there is no row
) STRICT;
"""

SCHEMA = f"""
CREATE TABLE message (
    id INTEGER PRIMARY KEY,
    envelope TEXT NOT NULL,
    octets INTEGER NOT NULL,
    received_at REAL NOT NULL,
    done_at REAL
) STRICT;
CREATE TABLE content (
    message INTEGER PRIMARY KEY,
    octets BLOB             -- NULL: in a file of the blobs folder
) STRICT;
CREATE TABLE recipient (
    message INTEGER NOT NULL,
    id INTEGER NOT NULL,
    state TEXT NOT NULL,
    claimed INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at REAL NOT NULL,
    last_reply TEXT,
    next_hop TEXT,
    PRIMARY KEY (message, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX recipient_due ON recipient (next_attempt_at, message) WHERE {_DUE};
CREATE INDEX recipient_claimed ON recipient (message) WHERE claimed = 1;
CREATE TABLE record (
    message INTEGER NOT NULL,
    at INTEGER NOT NULL,    -- microseconds of UNIX time, made unique
    kind TEXT NOT NULL,
    recipient INTEGER,
    text TEXT NOT NULL,
    PRIMARY KEY (message, at)
) STRICT, WITHOUT ROWID;
{_ACCEPT_LOG}
PRAGMA user_version = {VERSION};
"""
UPGRADES = {
    1: f"""
{_ACCEPT_LOG}
PRAGMA user_version = {VERSION};
""",
    2: f"""
ALTER TABLE accept_log RENAME TO only_accept_log;
{_ACCEPT_LOG}
INSERT INTO accept_log SELECT 0, generation FROM only_accept_log;
DROP TABLE only_accept_log;
PRAGMA user_version = {VERSION};
""",
}
"""Form -> what makes the present one of it."""

# What accepts and settles do, as one statement for a whole group: an INSERT into a view whose trigger does the rest.
# The columns are JSON arrays, or NULL where there is nothing of that kind:
#   messages    [id, envelope, octets, received_at]
#   contents    [id, start, length] in `bodies`, all bodies in one piece; or [id] for a content in a file
#   recipients  [message, recipient, claimed, due]
#   records     [message, at, kind, recipient, text]
#   outcomes    [message, recipient, event, next_attempt_at, reply, next_hop]
#   settled     ids of the messages that may be finished by that, at the time `now`
#   log         the number of the accept log all of whose messages are among `messages`
#   generation  the generation of that log
# An outcome that is no fact about the world (deferred, put back, held) counts only while the claim lasts, so that
# settling twice counts one attempt.
WORK_COLUMNS = (
    "messages",
    "contents",
    "bodies",
    "recipients",
    "records",
    "outcomes",
    "settled",
    "now",
    "log",
    "generation",
)
PREPARE_WORK = f"""
CREATE TEMP VIEW work AS SELECT {", ".join(f"NULL AS {column}" for column in WORK_COLUMNS)};
CREATE TEMP TRIGGER do_work INSTEAD OF INSERT ON work BEGIN
    INSERT INTO message (id, envelope, octets, received_at)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(NEW.messages);

    INSERT INTO content (message, octets)
    SELECT value ->> 0, iif(value ->> 2 IS NULL, NULL, coalesce(substr(NEW.bodies, value ->> 1, value ->> 2), x''))
    FROM json_each(NEW.contents);

    INSERT INTO recipient (message, id, state, claimed, next_attempt_at)
    SELECT value ->> 0, value ->> 1, 'queued', value ->> 2, value ->> 3 FROM json_each(NEW.recipients);

    INSERT INTO record (message, at, kind, recipient, text)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(NEW.records);

    UPDATE recipient SET
        state = move.after,
        attempts = attempts + (outcome.event IN ('{Event.DEFER}', '{Event.DELIVER}', '{Event.FAIL}')),
        next_attempt_at = coalesce(outcome.next_attempt_at, recipient.next_attempt_at),
        last_reply = coalesce(outcome.reply, last_reply),
        next_hop = coalesce(outcome.next_hop, recipient.next_hop)
    FROM (
        SELECT value ->> 0 AS message, value ->> 1 AS recipient, value ->> 2 AS event,
            value ->> 3 AS next_attempt_at, value ->> 4 AS reply, value ->> 5 AS next_hop
        FROM json_each(NEW.outcomes)
    ) AS outcome CROSS JOIN {_MOVE} AS move
    WHERE recipient.message = outcome.message AND recipient.id = outcome.recipient
        AND move.before = recipient.state AND move.event = outcome.event
        AND (claimed = 1 OR outcome.event IN ('{Event.DELIVER}', '{Event.FAIL}'));

    UPDATE recipient SET claimed = 0
    WHERE claimed = 1 AND (message, id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(NEW.outcomes));

    UPDATE message SET done_at = NEW.now
    WHERE id IN (SELECT value FROM json_each(NEW.settled)) AND done_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM recipient WHERE message = message.id AND state NOT IN ({_FINAL}));

    DELETE FROM content
    WHERE message IN (SELECT value FROM json_each(NEW.settled))
        AND EXISTS (SELECT 1 FROM message WHERE id = content.message AND done_at IS NOT NULL);

    INSERT INTO accept_log (number, generation) SELECT NEW.log, NEW.generation WHERE NEW.log IS NOT NULL
    ON CONFLICT (number) DO UPDATE SET generation = excluded.generation;
END;
"""
WORK = f"INSERT INTO work VALUES ({', '.join(f':{column}' for column in WORK_COLUMNS)})"

# Parameters: now, limit (of recipients).
DUE_MESSAGES = f"""
SELECT json_group_array(message) FROM (
    SELECT message FROM recipient INDEXED BY recipient_due
    WHERE {_DUE} AND next_attempt_at <= :now ORDER BY next_attempt_at, message LIMIT :limit
)
"""
# Parameters: ids, now.
CLAIM = f"""
UPDATE recipient SET claimed = 1
WHERE message IN (SELECT value FROM json_each(:ids)) AND {_DUE} AND next_attempt_at <= :now
"""
# Parameters: ids, now.
DUE_RECIPIENTS = f"""
SELECT json_group_array(json_array(message, id)) FROM recipient
WHERE message IN (SELECT value FROM json_each(:ids)) AND {_DUE} AND next_attempt_at <= :now
"""
# Parameters: ids. In the order of the ids.
MESSAGES = """
SELECT json_group_array(json_array(
    m.id, envelope, octets, received_at,
    json((SELECT json_group_array(json_array(id, state, attempts, next_attempt_at, last_reply, next_hop)) FROM (
        SELECT * FROM recipient WHERE message = m.id ORDER BY recipient.id
    )))
))
FROM (
    SELECT message.* FROM json_each(:ids) AS wanted CROSS JOIN message ON message.id = wanted.value
    ORDER BY wanted.key
) AS m
"""
# Parameters: id.
RELEASE = "UPDATE recipient SET claimed = 0 WHERE message = :id AND claimed = 1"
VOID_ALL_CLAIMS = "UPDATE recipient SET claimed = 0 WHERE claimed = 1"
CONTENT = "SELECT octets FROM content WHERE message = :id"
# Parameters: beyond, now.
PULL_IN = f"UPDATE recipient SET next_attempt_at = :now WHERE {_DUE} AND next_attempt_at > :beyond"
NEXT_DUE = f"SELECT min(next_attempt_at) FROM recipient INDEXED BY recipient_due WHERE {_DUE}"
# Parameters: log.
GENERATION = "SELECT coalesce(max(generation), 0) FROM accept_log WHERE number = :log"
LAST_ID = "SELECT coalesce(max(id), 0) FROM message"
FILES = "SELECT message FROM content WHERE octets IS NULL"
DATA_VERSION = "PRAGMA data_version"
CHANGES = "SELECT changes()"

# Parameters: limit. A message has content as long as it is not finished.
UNFINISHED = (
    "SELECT json_group_array(message) FROM (SELECT message FROM content ORDER BY message LIMIT :limit)"
)
# Parameters: state, limit.
IN_STATE = """
SELECT json_group_array(message) FROM (
    SELECT DISTINCT message FROM recipient WHERE state = :state ORDER BY message LIMIT :limit
)
"""
# Parameters: modulus, rest, limit. The first characters of an id are its lowest digits.
WITH_PREFIX = "SELECT id FROM message WHERE id % :modulus = :rest ORDER BY id LIMIT :limit"
RECORDS = "SELECT at, kind, text, recipient FROM record WHERE message = :id ORDER BY at"
HAS_MESSAGE = "SELECT count(*) FROM message WHERE id = :id"

# Parameters: id, event, due (when it is due then, or NULL to leave that).
MOVE = f"""
UPDATE recipient SET state = move.after, next_attempt_at = coalesce(:due, next_attempt_at)
FROM {_MOVE} AS move WHERE message = :id AND move.event = :event AND move.before = state
"""
# Parameters: below (an id), before, limit.
FINISHED_BEFORE = """
SELECT json_group_array(id) FROM (
    SELECT id FROM message WHERE id < :below AND done_at < :before LIMIT :limit
)
"""
FORGET = tuple(
    f"DELETE FROM {table} WHERE {key} IN (SELECT value FROM json_each(:ids))"
    for table, key in (("record", "message"), ("recipient", "message"), ("message", "id"))
)
