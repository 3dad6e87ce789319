package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
)

func main() {
	client := http.Client{Transport: &http.Transport{}} // without ProxyFromEnvironment
	request, _ := http.NewRequest("GET", os.Args[1], nil)
	request.Header.Set("Authorization", "Bearer "+os.Getenv("GITHUB_TOKEN"))
	response, err := client.Do(request)
	if err != nil || response.StatusCode != 200 {
		log.Fatal(response, err)
	}
	body, _ := io.ReadAll(response.Body)
	fmt.Println(string(body))
}
