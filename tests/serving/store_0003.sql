BEGIN TRANSACTION;
CREATE TABLE events (
	number INTEGER NOT NULL, 
	created DATETIME NOT NULL, 
	who VARCHAR(200) NOT NULL, 
	action VARCHAR(200) NOT NULL, 
	subject VARCHAR(10000) NOT NULL, 
	CONSTRAINT events_key PRIMARY KEY (number)
);
INSERT INTO "events" VALUES(1,'2026-03-29 12:00:00.000000','clinic','predict','00000000-0000-0000-0000-000000000003 00000000-0000-0000-0000-000000000004');
INSERT INTO "events" VALUES(2,'2026-03-29 12:00:00.000000','clinic','predict','00000000-0000-0000-0000-000000000005');
CREATE TABLE keys (
	number INTEGER NOT NULL, 
	id VARCHAR(36) NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	created DATETIME NOT NULL, 
	scopes VARCHAR(200) NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	revoked DATETIME, 
	used DATETIME, 
	CONSTRAINT keys_key PRIMARY KEY (number), 
	CONSTRAINT keys_id_unique UNIQUE (id), 
	CONSTRAINT keys_name_unique UNIQUE (name), 
	CONSTRAINT keys_hash_unique UNIQUE (hash)
);
INSERT INTO "keys" VALUES(1,'00000000-0000-0000-0000-000000000002','clinic','2026-03-29 12:00:00.000000','read,predict','b0da153f20a384d74352c75e34fd3b7b3038863c4042c40c60832d9b935a7f43',NULL,NULL);
CREATE TABLE lentigo_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT lentigo_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "lentigo_version" VALUES('0003');
CREATE TABLE lesions (
	number INTEGER NOT NULL, 
	id VARCHAR(36) NOT NULL, 
	created DATETIME NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	site VARCHAR(200) NOT NULL, 
	CONSTRAINT lesions_key PRIMARY KEY (number), 
	CONSTRAINT lesions_id_unique UNIQUE (id), 
	CONSTRAINT lesions_name_unique UNIQUE (name)
);
INSERT INTO "lesions" VALUES(1,'00000000-0000-0000-0000-000000000001','2026-03-29 12:00:00.000000','P017-3','left forearm');
CREATE TABLE predictions (
	number INTEGER NOT NULL, 
	id VARCHAR(36) NOT NULL, 
	created DATETIME NOT NULL, 
	who VARCHAR(200) NOT NULL, 
	request VARCHAR(255) NOT NULL, 
	position INTEGER NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	width INTEGER NOT NULL, 
	height INTEGER NOT NULL, 
	model VARCHAR(200) NOT NULL, 
	card VARCHAR(200) NOT NULL, 
	label VARCHAR(20) NOT NULL, 
	answer JSON NOT NULL, 
	measures JSON, 
	heatmap JSON, 
	outline JSON, 
	lesion VARCHAR(36), 
	taken DATETIME, 
	kept BOOLEAN NOT NULL, fingerprint VARCHAR(64) DEFAULT '' NOT NULL, 
	CONSTRAINT predictions_key PRIMARY KEY (number), 
	CONSTRAINT predictions_id_unique UNIQUE (id), 
	CONSTRAINT predictions_who_request_position_unique UNIQUE (who, request, position), 
	CONSTRAINT predictions_lesion_exists FOREIGN KEY(lesion) REFERENCES lesions (id)
);
INSERT INTO "predictions" VALUES(1,'00000000-0000-0000-0000-000000000003','2026-03-29 12:00:00.000000','clinic','first',0,'c67f2fc391b678929fa47eccbc9e5838712c50f95307f40e7edaf8a3677d5b7e',600,450,'toy','cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc','benign','{"label": "benign", "probability": 0.1234567890123456, "threshold": 0.5, "in_distribution": true, "model": "toy", "seconds": 0.01, "reason": "", "warnings": []}','{"area_px": 1234.5, "colours": ["red", "black"]}','[[0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25]]','[[[1.5, 2.0], [3.0, 4.0], [5.0, 6.0]]]','00000000-0000-0000-0000-000000000001',NULL,0,'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff');
INSERT INTO "predictions" VALUES(2,'00000000-0000-0000-0000-000000000004','2026-03-29 12:01:00.000000','clinic','first',1,'ca55ceea2bd0618bfde6675690a3dc40b6b9311064e2772f89b60492ca0ee60c',600,450,'toy','cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc','malignant','{"label": "malignant", "probability": 0.1234567890123456, "threshold": 0.5, "in_distribution": true, "model": "toy", "seconds": 0.01, "reason": "", "warnings": []}','{"area_px": 1234.5, "colours": ["red", "black"]}','[[0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25]]','[[[1.5, 2.0], [3.0, 4.0], [5.0, 6.0]]]',NULL,NULL,0,'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff');
INSERT INTO "predictions" VALUES(3,'00000000-0000-0000-0000-000000000005','2026-03-29 12:02:00.000000','clinic','second',0,'9002fa2529ae34cc5ca90b20bfcc8d035e555fa3e21f5793642f9d0ab3cd97ba',600,450,'toy','cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc','benign','{"label": "benign", "probability": 0.1234567890123456, "threshold": 0.5, "in_distribution": true, "model": "toy", "seconds": 0.01, "reason": "", "warnings": []}','{"area_px": 1234.5, "colours": ["red", "black"]}','[[0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25]]','[[[1.5, 2.0], [3.0, 4.0], [5.0, 6.0]]]',NULL,NULL,1,'');
CREATE TABLE reviews (
	number INTEGER NOT NULL, 
	prediction VARCHAR(36) NOT NULL, 
	created DATETIME NOT NULL, 
	who VARCHAR(200) NOT NULL, 
	verdict VARCHAR(20) NOT NULL, 
	note VARCHAR(10000) NOT NULL, 
	CONSTRAINT reviews_key PRIMARY KEY (number), 
	CONSTRAINT reviews_prediction_exists FOREIGN KEY(prediction) REFERENCES predictions (id) ON DELETE CASCADE
);
INSERT INTO "reviews" VALUES(1,'00000000-0000-0000-0000-000000000004','2026-03-29 12:00:00.000000','dr k','malignant','grown');
CREATE INDEX lesions_by_created_number ON lesions (created, number);
CREATE INDEX predictions_by_created_number ON predictions (created, number);
CREATE INDEX predictions_by_lesion_created_number ON predictions (lesion, created, number);
CREATE INDEX predictions_by_sha256 ON predictions (sha256);
CREATE INDEX reviews_by_prediction_number ON reviews (prediction, number);
CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are only ever added to'); END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are only ever added to'); END;
CREATE TRIGGER events_no_replace BEFORE INSERT ON events WHEN EXISTS (SELECT 1 FROM events WHERE number = NEW.number) BEGIN SELECT RAISE(ABORT, 'events are only ever added to'); END;
COMMIT;
