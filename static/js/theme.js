// Runs before the first paint, so that a chosen theme does not flash. Dark unless somebody chose otherwise.
(function () {
  let theme = "dark";
  try {
    theme = localStorage.getItem("mex.theme") === "light" ? "light" : "dark";
  } catch {
    // Storage is blocked: the theme is then chosen anew on each page.
  }
  document.documentElement.dataset.bsTheme = theme;
})();
