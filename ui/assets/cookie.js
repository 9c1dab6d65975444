// Keeps a cookie.
(cookie) => {
  document.cookie = cookie;
}
