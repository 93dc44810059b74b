-- A journal as schema 1 wrote it: before orders had a lease and a label.
BEGIN TRANSACTION;
CREATE TABLE orders (
    order_id       TEXT PRIMARY KEY,
    state          TEXT NOT NULL,
    service        TEXT NOT NULL,
    simulated      INTEGER NOT NULL DEFAULT 0,
    request        TEXT NOT NULL,
    reference_name TEXT,
    reference_path TEXT,
    message_id     TEXT,
    audio_url      TEXT,
    album_art      TEXT,
    song_name      TEXT,
    path           TEXT,
    sha256         TEXT,
    size_bytes     INTEGER,
    error          TEXT,
    posts          INTEGER NOT NULL DEFAULT 0,
    created_at     REAL NOT NULL,
    updated_at     REAL NOT NULL
);
INSERT INTO "orders" VALUES('a1b2c3d4e5f6','accepted','https://api.soundverse.ai',0,'{"prompt": "jazz", "song_reference_url": "https://songs.example.com/a.mp3"}','a.mp3',NULL,'msg-1',NULL,NULL,'Old Song',NULL,NULL,NULL,NULL,1,1700000000.0,1700000001.0);
INSERT INTO "orders" VALUES('b1b2c3d4e5f6','fetched','https://api.soundverse.ai',0,'{"lyrics": "la la", "song_reference_url": "https://songs.example.com/b.mp3"}','b.mp3',NULL,'msg-2','https://storage.example.com/b.mp3?sig=x',NULL,'Older Song','/songs/b.mp3','00ff',1234,NULL,1,1700000002.0,1700000003.0);
COMMIT;
PRAGMA application_id = 1398165058;
PRAGMA user_version = 1;
