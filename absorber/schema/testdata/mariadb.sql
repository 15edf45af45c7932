CREATE TABLE shop.fkpart (id int PRIMARY KEY, y int, CONSTRAINT fkpart FOREIGN KEY (y) REFERENCES shop.fkparent(a))
;;
CREATE TABLE shop.sysv (id int PRIMARY KEY, a int) WITH SYSTEM VERSIONING
;;
CREATE SEQUENCE shop.sq
;;
CREATE TABLE shop.uu (id uuid PRIMARY KEY, i inet6)
;;
CREATE TABLE shop.js2 (id int PRIMARY KEY, j longtext CHARACTER SET utf8mb4 CHECK (json_valid(j)), m varchar(100) CHECK (json_valid(m)))
;;
CREATE TABLE shop.js3 (id int PRIMARY KEY, k longtext COLLATE utf8mb4_bin CHECK (json_valid(k) AND k IS NOT NULL), l longtext CHARACTER SET latin1 CHECK (json_valid(l)))
;;
CREATE TABLE shop.jsd (id int PRIMARY KEY, a json DEFAULT '{}', b json DEFAULT '[1]', c json DEFAULT 'x')
;;
CREATE TABLE shop.period (id int PRIMARY KEY, s date, e date, PERIOD FOR app(s,e))
;;
CREATE TABLE shop.overlaps (id int, s date, e date, PERIOD FOR app(s,e), PRIMARY KEY (id, app WITHOUT OVERLAPS))
;;
CREATE TABLE shop.hashed (id int PRIMARY KEY, t text, UNIQUE (t)) COLLATE utf8mb4_bin
;;
CREATE TABLE shop.compressed (id int PRIMARY KEY, t varchar(100) COMPRESSED)
;;
CREATE TABLE shop.uca (id int PRIMARY KEY, t varchar(10) CHARACTER SET utf8mb4 COLLATE uca1400_ai_ci UNIQUE, u varchar(10) COLLATE utf8mb4_uca1400_ai_ci)
;;
CREATE TABLE shop.nopad (id varchar(10) COLLATE utf8mb4_general_nopad_ci PRIMARY KEY)
;;
CREATE TABLE shop.defaults (id int PRIMARY KEY, a int DEFAULT (id+1), b varchar(10) DEFAULT (concat(1,2)), c bigint DEFAULT nextval(shop.sq), d datetime(3) DEFAULT (now(3)), e date DEFAULT curdate(), g bigint DEFAULT unix_timestamp(), k int DEFAULT 0x10, l varchar(5) DEFAULT 0x41, m bit(3) DEFAULT 0x5, n blob DEFAULT 'abc', o text DEFAULT '', o2 text DEFAULT 'it''s', p double DEFAULT 1.23e5, q decimal(5,2) DEFAULT '1', u datetime DEFAULT 0, v enum('a','b') DEFAULT 'b', w varchar(10) DEFAULT true, y varchar(100) DEFAULT (user()), z datetime DEFAULT '2020-01-01 00:00:00' ON UPDATE now(), aa tinyint DEFAULT (3), ab char(9) DEFAULT ('abc'), ac varbinary(5) DEFAULT '')
