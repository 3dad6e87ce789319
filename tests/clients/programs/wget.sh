wget -q -O - --tries=1 --header "Authorization: Bearer $GITHUB_TOKEN" "$1"
