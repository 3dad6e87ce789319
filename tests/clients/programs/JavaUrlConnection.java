import java.net.HttpURLConnection;
import java.net.URL;

class JavaUrlConnection {
  public static void main(String[] arguments) throws Exception {
    var connection = (HttpURLConnection) new URL(arguments[0]).openConnection();
    connection.setRequestProperty("Authorization", "Bearer " + System.getenv("GITHUB_TOKEN"));
    try (var body = connection.getInputStream()) { // throws where it is not 200
      body.transferTo(System.out);
    }
  }
}
