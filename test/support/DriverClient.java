import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;

/**
 * An application that writes rows through MariaDB Connector/J and prints what it was told, one JSON line per write.
 * The driver chooses the server. As a connection pool does, the application keeps a connection for as long as the
 * driver calls it valid, asks for another one when it is not, and never sends a row twice. TERM lets running writes end.
 * Arguments: URL, user, password, number of clients, milliseconds between two writes of a client.
 */
public class DriverClient {
  private static volatile boolean stopping = false;

  public static void main(String[] args) throws Exception {
    List<Thread> clients = new ArrayList<>();
    for (int client = 1; client <= Integer.parseInt(args[3]); client++) {
      int number = client;
      clients.add(new Thread(() -> run(number, args)));
    }
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      stopping = true;
      for (Thread client : clients) join(client);
    }));
    for (Thread client : clients) client.start();
  }

  private static void run(int client, String[] args) {
    Connection connection = null;
    for (int n = 1; !stopping; n++) {
      connection = connected(connection, args);
      if (connection == null) return;
      write(connection, client, n);
      rest(Long.parseLong(args[4]));
    }
  }

  /** null when the application ends. */
  private static Connection connected(Connection current, String[] args) {
    while (!stopping) {
      try {
        if (current != null && current.isValid(1)) return current;
        if (current != null) current.close();
        return DriverManager.getConnection(args[0], args[1], args[2]);
      } catch (SQLException e) {
        System.err.println("no connection: " + e.getErrorCode() + " " + e.getMessage());
        current = null;
        rest(20);
      }
    }
    return null;
  }

  private static void write(Connection connection, int client, int n) {
    long invoked = System.nanoTime();
    String sql = "INSERT INTO writes (client, n, server) VALUES (?, ?, @@server_id)";
    try (PreparedStatement insert = connection.prepareStatement(sql)) {
      insert.setInt(1, client);
      insert.setInt(2, n);
      insert.executeUpdate();
      tell(client, n, invoked, true, 0, "");
    } catch (SQLException e) {
      tell(client, n, invoked, false, e.getErrorCode(), String.valueOf(e.getMessage()));
    }
  }

  private static void tell(int client, int n, long invoked, boolean ok, int errno, String error) {
    String text = error.replaceAll("[^ -~]", " ").replace("\\", "/").replace("\"", "'");
    String format = "{\"client\":%d,\"n\":%d,\"invokedNs\":%d,\"doneNs\":%d,\"ok\":%b,\"errno\":%d,\"error\":\"%s\"}%n";
    synchronized (System.out) {
      System.out.printf(format, client, n, invoked, System.nanoTime(), ok, errno, text);
      System.out.flush();
    }
  }

  private static void rest(long ms) {
    try {
      Thread.sleep(ms);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void join(Thread thread) {
    try {
      thread.join(3000);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
