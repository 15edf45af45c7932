import java.math.BigDecimal;
import java.sql.*;
import java.util.Arrays;

/** What JDBC drivers do beside plain statements: batches, cursors, keys, metadata, savepoints, isolation, procedures, updatable results. */
public class Features {
    static void out(Object... x) { System.out.println(Arrays.deepToString(x)); }

    static void rows(ResultSet r) throws SQLException {
        ResultSetMetaData m = r.getMetaData();
        while (r.next()) {
            Object[] v = new Object[m.getColumnCount()];
            for (int i = 0; i < v.length; i++) v[i] = r.getString(i + 1);
            out(v);
        }
        r.close();
    }

    interface Body { void run() throws SQLException; }

    static void attempt(String what, Body b) {
        try { b.run(); out(what, "done"); } catch (BatchUpdateException e) { out(what, e.getErrorCode(), e.getSQLState(), e.getUpdateCounts());
        } catch (SQLException e) { out(what, e.getErrorCode(), e.getSQLState(), String.valueOf(e.getMessage()).replaceAll("\\(conn=\\d+\\) ", "")); }
    }

    static void batches(Connection c) throws SQLException {
        try (PreparedStatement p = c.prepareStatement("INSERT INTO feat (n, s) VALUES (?, ?)", Statement.RETURN_GENERATED_KEYS)) {
            for (int i = 0; i < 50; i++) { p.setInt(1, i); p.setString(2, "s" + i); p.addBatch(); }
            out("batch", p.executeBatch());
            rows(p.getGeneratedKeys());
        }
        try (PreparedStatement p = c.prepareStatement("UPDATE feat SET n = n + ? WHERE id = ?")) {
            for (int i = 1; i <= 5; i++) { p.setInt(1, 100); p.setInt(2, i); p.addBatch(); }
            out("batch", p.executeBatch());
        }
        attempt("a batch that fails", () -> {
            try (PreparedStatement p = c.prepareStatement("INSERT INTO feat (id, n) VALUES (?, ?)")) {
                for (int id : new int[] {900, 1, 901}) { p.setInt(1, id); p.setInt(2, 0); p.addBatch(); }
                p.executeBatch();
            }
        });
        try (Statement s = c.createStatement()) {
            s.addBatch("INSERT INTO feat (id, n) VALUES (800, 1)");
            s.addBatch("UPDATE feat SET n = 2 WHERE id = 800");
            s.addBatch("DELETE FROM feat WHERE id = 800");
            out("texts", s.executeBatch());
            out("keys", s.executeUpdate("INSERT INTO feat (n) VALUES (7), (8)", Statement.RETURN_GENERATED_KEYS));
            rows(s.getGeneratedKeys());
        }
    }

    static void reads(Connection c) throws SQLException {
        try (PreparedStatement p = c.prepareStatement("SELECT id, n FROM feat WHERE id < ? ORDER BY id")) {
            p.setFetchSize(7);
            p.setInt(1, 30);
            rows(p.executeQuery());
        }
        try (Statement s = c.createStatement(ResultSet.TYPE_FORWARD_ONLY, ResultSet.CONCUR_READ_ONLY)) {
            s.setFetchSize(3);
            s.setMaxRows(10);
            rows(s.executeQuery("SELECT id, s FROM feat ORDER BY id"));
        }
        try (Statement s = c.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE)) {
            ResultSet r = s.executeQuery("SELECT id, n, s FROM feat WHERE id <= 3 ORDER BY id");
            r.absolute(2);
            r.updateInt("n", 4242);
            r.updateRow();
            r.last();
            r.deleteRow();
            r.moveToInsertRow();
            r.updateInt("id", 700);
            r.updateInt("n", 1);
            r.updateString("s", "inserted");
            r.insertRow();
            r.close();
        }
        try (PreparedStatement p = c.prepareStatement("SELECT id, n, s FROM feat WHERE id = ?")) {
            for (int id : new int[] {2, 3, 700}) { p.setInt(1, id); rows(p.executeQuery()); }
            ParameterMetaData m = p.getParameterMetaData();
            out("parameters", m.getParameterCount());
        }
    }

    static void metadata(Connection c) throws SQLException {
        DatabaseMetaData m = c.getMetaData();
        String db = c.getCatalog();
        for (ResultSet r : new ResultSet[] {m.getPrimaryKeys(db, null, "feat"), m.getIndexInfo(db, null, "feat", true, true)}) {
            while (r.next()) out(r.getString("TABLE_NAME"), r.getString("COLUMN_NAME"));
            r.close();
        }
        ResultSet r = m.getColumns(db, null, "feat", "%");
        while (r.next()) out(r.getString("COLUMN_NAME"), r.getInt("DATA_TYPE"), r.getString("TYPE_NAME"), r.getInt("COLUMN_SIZE"), r.getString("IS_NULLABLE"), r.getString("IS_AUTOINCREMENT"), r.getString("COLUMN_DEF"));
        r.close();
        r = m.getTables(db, null, "fea%", new String[] {"TABLE"});
        while (r.next()) out(r.getString("TABLE_NAME"), r.getString("TABLE_TYPE"));
        r.close();
    }

    static void transactions(Connection c) throws SQLException {
        for (int level : new int[] {Connection.TRANSACTION_READ_COMMITTED, Connection.TRANSACTION_SERIALIZABLE, Connection.TRANSACTION_REPEATABLE_READ}) {
            c.setTransactionIsolation(level);
            c.setAutoCommit(false);
            try (Statement s = c.createStatement(); PreparedStatement p = c.prepareStatement("UPDATE feat SET n = ? WHERE id = ?")) {
                p.setInt(1, level);
                p.setInt(2, 4);
                out(p.executeUpdate());
                Savepoint a = c.setSavepoint("a");
                p.setInt(1, -1);
                out(p.executeUpdate());
                attempt("duplicate", () -> s.executeUpdate("INSERT INTO feat (id, n) SELECT 5, 5"));
                c.rollback(a);
                rows(s.executeQuery("SELECT n FROM feat WHERE id = 4"));
                c.commit();
                p.setInt(1, -2);
                p.executeUpdate();
                c.rollback();
                rows(s.executeQuery("SELECT n FROM feat WHERE id = 4"));
                c.commit();
            }
            out(c.getTransactionIsolation(), c.getAutoCommit());
            c.setAutoCommit(true);
        }
        c.setReadOnly(true);
        attempt("read only", () -> { try (Statement s = c.createStatement()) { s.executeUpdate("UPDATE feat SET n = 0 WHERE id = 4"); } });
        c.setReadOnly(false);
    }

    public static void main(String[] a) throws Exception {
        try (Connection c = DriverManager.getConnection(a[0])) {
            try (Statement s = c.createStatement()) {
                s.execute("CREATE TABLE feat (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, n INT, s VARCHAR(40) DEFAULT 'x', d DECIMAL(12,4), at DATETIME(6), UNIQUE KEY s_n (s, n)) ENGINE=InnoDB CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci");
                s.execute("CREATE PROCEDURE featured (IN i INT, INOUT x INT, OUT y VARCHAR(40)) BEGIN UPDATE feat SET n = i WHERE id = 6; SET x = x + 1; SELECT s INTO y FROM feat WHERE id = 6; SELECT id, n FROM feat WHERE id IN (6, 7); END");
            }
            attempt("batches", () -> batches(c));
            attempt("reads", () -> reads(c));
            attempt("metadata", () -> metadata(c));
            attempt("transactions", () -> transactions(c));
            attempt("procedure", () -> {
                try (CallableStatement p = c.prepareCall("{CALL featured(?, ?, ?)}")) {
                    p.setInt(1, 66);
                    p.setInt(2, 1);
                    p.registerOutParameter(2, Types.INTEGER);
                    p.registerOutParameter(3, Types.VARCHAR);
                    if (p.execute()) rows(p.getResultSet());
                    out(p.getInt(2), p.getString(3));
                }
            });
            attempt("types", () -> {
                try (PreparedStatement p = c.prepareStatement("UPDATE feat SET d = ?, at = ? WHERE id = ?")) {
                    p.setBigDecimal(1, new BigDecimal("12345678.1234"));
                    p.setTimestamp(2, Timestamp.valueOf("2024-02-29 12:34:56.123456"));
                    p.setInt(3, 8);
                    out(p.executeUpdate());
                }
                try (PreparedStatement p = c.prepareStatement("SELECT d, at FROM feat WHERE id = ?")) {
                    p.setInt(1, 8);
                    ResultSet r = p.executeQuery();
                    r.next();
                    out(r.getBigDecimal(1), r.getTimestamp(2), r.getObject(2).getClass());
                }
            });
            attempt("timeout", () -> { try (Statement s = c.createStatement()) { s.setQueryTimeout(60); rows(s.executeQuery("SELECT n FROM feat WHERE id = 9")); } });
            out(c.isValid(60));
            attempt("all", () -> { try (Statement s = c.createStatement()) { rows(s.executeQuery("SELECT * FROM feat ORDER BY id")); s.execute("DROP PROCEDURE featured"); s.execute("DROP TABLE feat"); } });
        }
    }
}
