curl -fsS -H "Authorization: Bearer $GITHUB_TOKEN" "$1"
