"use strict";
(function () {
  var root = document.documentElement;
  var theme = document.getElementById("theme");
  theme.hidden = false;
  theme.addEventListener("click", function () {
    var dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
  var save = document.getElementById("save");
  if (save) {
    save.hidden = false;
    save.addEventListener("click", function () {
      var text = JSON.stringify(JSON.parse(document.getElementById("document").textContent), null, 2);
      var link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text + "\n"], { type: "application/json" }));
      link.download = save.dataset.file;
      link.click();
    });
  }
})();
