import java.sql.*;
import java.util.Arrays;

/** One session through JDBC with server-side prepared statements; the URL is the argument. */
public class Session {
    static Connection c;

    static void out(Object... x) { System.out.println(Arrays.deepToString(x)); }

    static void rows(ResultSet r) throws SQLException {
        ResultSetMetaData m = r.getMetaData();
        for (int i = 1; i <= m.getColumnCount(); i++)
            out("column", m.getColumnLabel(i), m.getColumnTypeName(i), m.getPrecision(i), m.getScale(i), m.isNullable(i));
        while (r.next()) {
            Object[] v = new Object[m.getColumnCount()];
            for (int i = 0; i < v.length; i++) v[i] = r.getObject(i + 1) instanceof byte[] b ? "bytes " + Arrays.hashCode(b) : r.getString(i + 1);
            out(v);
        }
    }

    interface Body { void run() throws SQLException; }

    static void attempt(Body b) {
        try { b.run(); } catch (SQLException e) { out("error", e.getErrorCode(), e.getSQLState(), e.getMessage().replaceAll("\\(conn=\\d+\\) ", "")); }
    }

    public static void main(String[] a) throws Exception {
        c = DriverManager.getConnection(a[0]);
        PreparedStatement i = c.prepareStatement("INSERT INTO people (name, age, note, data) VALUES (?, ?, ?, ?)", Statement.RETURN_GENERATED_KEYS);
        Object[][] people = {{"Ada", 36, "first", new byte[] {0, 1, (byte) 255}}, {"Łucja 🚀", null, "", null}, {"O'Neil \\", -5, null, new byte[300]}};
        for (Object[] p : people) {
            for (int k = 0; k < 4; k++) i.setObject(k + 1, p[k]);
            int n = i.executeUpdate();
            ResultSet keys = i.getGeneratedKeys();
            keys.next();
            out("insert", n, keys.getLong(1));
        }
        PreparedStatement s = c.prepareStatement("SELECT * FROM people WHERE id = ?");
        for (int id = 1; id <= 4; id++) { s.setInt(1, id); rows(s.executeQuery()); }
        PreparedStatement u = c.prepareStatement("UPDATE people SET age = age + ?, note = ? WHERE id = ?");
        for (Object[] p : new Object[][] {{1, "older", 1}, {0, "older", 1}, {2, null, 3}, {2, "x", 77}}) {
            for (int k = 0; k < 3; k++) u.setObject(k + 1, p[k]);
            out("update", u.executeUpdate());
        }
        attempt(() -> { PreparedStatement d = c.prepareStatement("INSERT INTO people (id, name) VALUES (?, ?)"); d.setInt(1, 1); d.setString(2, "dup"); d.executeUpdate(); });
        attempt(() -> c.createStatement().executeUpdate("INSERT INTO people (id, name) VALUES (1, 'dup')"));
        attempt(() -> c.createStatement().executeQuery("SELECT nosuch FROM people WHERE id = 1"));
        PreparedStatement d = c.prepareStatement("DELETE FROM people WHERE id = ?");
        d.setInt(1, 2);
        out("delete", d.executeUpdate(), d.executeUpdate());
        Statement t = c.createStatement();
        rows(t.executeQuery("SELECT COUNT(*) n, SUM(age) s FROM people"));
        c.setAutoCommit(false);
        out("tx", t.executeUpdate("UPDATE people SET age = 1 WHERE id = 1"));
        c.rollback();
        out("tx", t.executeUpdate("UPDATE people SET age = 2 WHERE id = 3"));
        c.commit();
        c.setAutoCommit(true);
        rows(t.executeQuery("SELECT id, age FROM people WHERE id = 1"));
        rows(t.executeQuery("SELECT id, age FROM people WHERE id = 3"));
        rows(t.executeQuery("SELECT p.name, o.item FROM people p JOIN orders o ON o.person = p.id ORDER BY o.id"));
        PreparedStatement b = c.prepareStatement("INSERT INTO people (name, age) VALUES (?, ?)");
        for (int k = 0; k < 5; k++) { b.setString(1, "batch" + k); b.setInt(2, k); b.addBatch(); }
        out("batch", b.executeBatch());
        PreparedStatement cur = c.prepareStatement("SELECT id, name FROM people WHERE age < ? ORDER BY id", ResultSet.TYPE_FORWARD_ONLY, ResultSet.CONCUR_READ_ONLY);
        cur.setFetchSize(2);
        cur.setInt(1, 100);
        rows(cur.executeQuery());
        c.close();
    }
}
