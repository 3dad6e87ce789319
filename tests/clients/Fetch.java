import java.net.Authenticator;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.PasswordAuthentication;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/** Fetches each URL by both of the JDK's clients, through HTTPS_PROXY, and prints their statuses. */
public class Fetch {
  public static void main(String[] urls) throws Exception {
    System.setProperty("jdk.http.auth.tunneling.disabledSchemes", "");
    URI proxy = URI.create(System.getenv("HTTPS_PROXY"));
    String[] user = proxy.getUserInfo().split(":", 2);
    Authenticator authenticator = new Authenticator() {
      @Override protected PasswordAuthentication getPasswordAuthentication() {
        return new PasswordAuthentication(user[0], user[1].toCharArray());
      }
    };
    Authenticator.setDefault(authenticator);
    InetSocketAddress address = new InetSocketAddress(proxy.getHost(), proxy.getPort());
    HttpClient client =
        HttpClient.newBuilder().proxy(ProxySelector.of(address)).authenticator(authenticator).build();
    for (String url : urls) {
      HttpURLConnection connection =
          (HttpURLConnection) URI.create(url).toURL().openConnection(new Proxy(Proxy.Type.HTTP, address));
      System.out.println("HttpURLConnection " + connection.getResponseCode());
      HttpRequest request = HttpRequest.newBuilder(URI.create(url)).build();
      System.out.println("HttpClient " + client.send(request, HttpResponse.BodyHandlers.ofString()).statusCode());
    }
    System.out.println("kept " + System.getProperty("kept"));
  }
}
