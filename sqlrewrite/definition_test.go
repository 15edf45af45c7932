package sqlrewrite

import "testing"

// TestDefinition: only a text that is certainly one definition is taken for one.
func TestDefinition(t *testing.T) {
	for sql, want := range map[string]bool{
		"CREATE PROCEDURE p() BEGIN PREPARE s FROM @t; EXECUTE s; DEALLOCATE PREPARE s; END":                                                              true,
		"CREATE PROCEDURE p() BEGIN PREPARE s FROM @t; EXECUTE s; END;":                                                                                   true,
		"CREATE DEFINER=`a`@`%` PROCEDURE d.p(IN a INT, OUT b INT) SQL SECURITY INVOKER main: BEGIN SELECT 1; END main":                                   true,
		"CREATE OR REPLACE FUNCTION f() RETURNS INT DETERMINISTIC BEGIN RETURN 1; END":                                                                    true,
		"CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN SET NEW.a = 1; END":                                                                       true,
		"CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN CALL p(); CALL q(); END":                                                                         true,
		"CREATE PROCEDURE p() BEGIN IF a THEN SELECT 1; ELSEIF b THEN BEGIN END; ELSE SELECT 2; END IF; SELECT IF(1,2,3); END":                            true,
		"CREATE PROCEDURE p() BEGIN CASE a WHEN 1 THEN SELECT CASE b WHEN 2 THEN 3 END; ELSE BEGIN END; END CASE; END":                                    true,
		"CREATE PROCEDURE p() BEGIN l: LOOP LEAVE l; END LOOP l; REPEAT SET a = 1; UNTIL a END REPEAT; WHILE a DO SET b = REPEAT('x', 2); END WHILE; END": true,
		"CREATE PROCEDURE p() BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; END; START TRANSACTION; COMMIT; END":                            true,

		"CREATE PROCEDURE p() BEGIN SELECT 1; END; DELETE FROM t; DO 1":                           false,
		"CREATE PROCEDURE p() BEGIN SELECT 1; END; BEGIN; DELETE FROM t; END":                     false,
		"CREATE PROCEDURE p() SELECT 1; BEGIN; DELETE FROM t; PREPARE s FROM 'x'; END":            false,
		"CREATE PROCEDURE begin() SELECT 1; DELETE FROM t; END":                                   false,
		"CREATE PROCEDURE p(begin INT) SELECT 1; DELETE FROM t; END":                              false,
		"CREATE TRIGGER t BEFORE INSERT ON begin FOR EACH ROW SET @a = 1; DELETE FROM t; END":     false,
		"CREATE PROCEDURE p() BEGIN SELECT begin FROM t; END; DELETE FROM t; END":                 false,
		"CREATE PROCEDURE p() BEGIN SELECT CASE 1 WHEN 1 THEN begin END; END; DELETE FROM t; END": false,
		"CREATE PROCEDURE p() BEGIN SELECT IF(1, 2, 3); END; DELETE FROM t; END":                  false,
		"CREATE PROCEDURE p() BEGIN SET @a = REPEAT('x', 2); END; DELETE FROM t; END":             false,
		"CREATE PROCEDURE p() BEGIN SELECT `END` FROM t; SELECT 'END'; PREPARE s FROM 'x'":        false,
		"CREATE PROCEDURE p() BEGIN /*!50000 END; LOCK TABLES t WRITE; BEGIN */ SELECT 1; END":    false,
		"CREATE TABLE p (a INT); BEGIN; PREPARE s FROM 'x'; END":                                  false,
		"BEGIN; PREPARE s FROM 'x'; END":                                                          false,
	} {
		if got := definition([]byte(sql), tokenise([]byte(sql), 0, false)); got != want {
			t.Errorf("%v for %s", got, sql)
		}
	}
}
