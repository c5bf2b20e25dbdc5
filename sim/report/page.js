"use strict";
(function () {
  document.documentElement.classList.add("live");
  var scenario = document.getElementById("choose-scenario");
  var good = document.getElementById("choose-good");
  var told = document.getElementById("shown");
  var things = Array.prototype.slice.call(document.querySelectorAll("[data-good]"));

  function fits(thing) {
    var byGood = !good.value || thing.dataset.good === good.value;
    return byGood && (!scenario.value || !thing.dataset.scenario || thing.dataset.scenario === scenario.value);
  }
  function choose() {
    var count = { ARTICLE: 0, FIGURE: 0 };
    things.forEach(function (thing) {
      var on = fits(thing);
      thing.classList.toggle("off", !on);
      count[thing.tagName] += on ? 1 : 0;
    });
    told.textContent = "Shown: " + count.ARTICLE + " of the explanations, " + count.FIGURE + " of the pictures. " +
      "Pictures show all scenarios.";
  }
  scenario.addEventListener("change", choose);
  good.addEventListener("change", choose);
  scenario.form.addEventListener("submit", function (event) { event.preventDefault(); });
  if (good.options.length > 1) { good.selectedIndex = 1; }
  choose();

  document.querySelectorAll("table.sortable").forEach(function (table) {
    var heads = Array.prototype.slice.call(table.tHead.rows[0].cells);
    heads.forEach(function (head, column) {
      head.querySelector("button").addEventListener("click", function () {
        var up = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach(function (other) { other.setAttribute("aria-sort", "none"); });
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        var body = table.tBodies[0];
        Array.prototype.slice.call(body.rows).sort(function (one, two) {
          var a = one.cells[column].dataset.value, b = two.cells[column].dataset.value;
          var x = a === "" ? NaN : Number(a), y = b === "" ? NaN : Number(b);
          var numbers = head.dataset.kind === "number" || (!isNaN(x) && !isNaN(y));
          if (numbers && (isNaN(x) || isNaN(y))) { return (isNaN(x) ? 1 : 0) - (isNaN(y) ? 1 : 0); }
          var order = numbers ? x - y : a.localeCompare(b);
          return up ? order : -order;
        }).forEach(function (row) { body.appendChild(row); });
      });
    });
  });

  function bytes(text) {
    var raw = atob(text), array = new Uint8Array(raw.length);
    for (var i = 0; i < raw.length; i += 1) { array[i] = raw.charCodeAt(i); }
    return array;
  }
  function save(blob, name) {
    var link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    document.body.appendChild(link);
    link.click();
    link.remove();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 1000);
  }
  document.querySelectorAll("button.csv").forEach(function (button) {
    button.addEventListener("click", function () {
      var stream = new Blob([bytes(button.dataset.csv)]).stream().pipeThrough(new DecompressionStream("gzip"));
      new Response(stream).blob().then(function (found) {
        save(new Blob([found], { type: "text/csv" }), button.dataset.file);
      });
    });
  });
}());
