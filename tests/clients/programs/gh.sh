gh api "${1#https://api.github.com/}"
