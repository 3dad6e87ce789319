import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

class JavaHttpClient {
  public static void main(String[] arguments) throws Exception {
    var request = HttpRequest.newBuilder(URI.create(arguments[0]))
        .header("Authorization", "Bearer " + System.getenv("GITHUB_TOKEN")).build();
    var response = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
    if (response.statusCode() != 200) throw new Exception("status " + response.statusCode());
    System.out.println(response.body());
  }
}
