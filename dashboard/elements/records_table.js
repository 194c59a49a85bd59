// A dense table of records: sortable, keyboard-friendly, its text selectable and searchable in the browser.
//
// Everything shown is set as textContent: no cell can become markup. Links are paths of this console.
// data: {columns: [{key, label, align, kind, width, sort}], rows: [{id, href, tone, cells: {key: cell}, detail: [...]}],
//        selectable, sort: {key, descending}, caption, height}
// cell: {text, sub, sort, tone, href, title, badges: [{text, tone}], share}
// Triggers `open` with a path; keeps the state `selected` (ids).

const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined && text !== null) node.textContent = text;
  return node;
};

const isPath = (href) => typeof href === "string" && href.startsWith("/") && !href.startsWith("//");

function badge(spec) {
  const node = make("span", `badge tone-${spec.tone}`, spec.text);
  if (spec.title) node.title = spec.title;
  return node;
}

function fill(box, column, cell, open) {
  if (cell === undefined || cell === null) return;
  if (cell.title) box.title = cell.title;
  if (cell.share !== undefined && cell.share !== null) {
    const bar = make("span", "share");
    const inner = make("span", `share-inner tone-${cell.tone || "info"}`);
    inner.style.width = `${Math.round(Math.min(1, Math.max(0, cell.share)) * 100)}%`;
    bar.append(inner);
    box.append(bar);
  }
  if (cell.text) {
    if (isPath(cell.href)) {
      const anchor = make("a", "link", cell.text);
      anchor.href = cell.href;
      anchor.addEventListener("click", (event) => open(event, cell.href));
      box.append(anchor);
    } else {
      box.append(make("span", cell.tone && !cell.badge ? `text-${cell.tone}` : "", cell.text));
    }
  }
  for (const spec of cell.badges || []) box.append(badge(spec));
  if (cell.sub) box.append(make("div", "sub", cell.sub));
}

function sortValue(row, key) {
  const cell = row.cells[key];
  if (!cell) return "";
  return cell.sort !== undefined && cell.sort !== null ? cell.sort : cell.text || "";
}

function sorted(rows, sort) {
  if (!sort || !sort.key) return rows;
  const direction = sort.descending ? -1 : 1;
  return rows
    .map((row, index) => ({ row, index, value: sortValue(row, sort.key) }))
    .sort((a, b) => {
      const bothNumbers = typeof a.value === "number" && typeof b.value === "number";
      const order = bothNumbers ? a.value - b.value : String(a.value).localeCompare(String(b.value));
      return order * direction || a.index - b.index;
    })
    .map((entry) => entry.row);
}

function detailRow(row, width) {
  const line = make("tr", "detail");
  const box = make("td");
  box.colSpan = width;
  const list = make("dl");
  for (const item of row.detail) {
    list.append(make("dt", "", item.label));
    const value = make("dd", item.block ? "block" : "");
    if (item.badges) {
      for (const spec of item.badges) {
        const stage = make("div", "stage");
        stage.append(badge(spec), make("span", "", spec.after || ""));
        value.append(stage);
      }
    }
    else value.textContent = item.text;
    list.append(value);
  }
  box.append(list);
  line.append(box);
  return line;
}

export default function (component) {
  const { data, parentElement, setStateValue, setTriggerValue } = component;
  const root = parentElement.querySelector(".records");
  const memory = (root.memory ??= { sort: data.sort, expanded: new Set(), selected: new Set(), focus: null, seen: null });

  const version = JSON.stringify(data);
  if (memory.seen === version) return;
  memory.seen = version;

  const open = (event, href) => {
    // A new tab or window is the browser's business.
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button > 0) return;
    event.preventDefault();
    event.stopPropagation();
    setTriggerValue("open", href);
  };

  const present = new Set(data.rows.map((row) => row.id));
  for (const id of memory.selected) if (!present.has(id)) memory.selected.delete(id);
  for (const id of data.rows.filter((row) => row.expanded).map((row) => row.id)) {
    if (memory.opened !== id) memory.expanded.add((memory.opened = id));
  }

  const publish = () => setStateValue("selected", [...memory.selected]);
  const width = data.columns.length + (data.selectable ? 1 : 0) + (data.expandable ? 1 : 0);

  function toggleExpanded(row) {
    if (!row.detail || !row.detail.length) return;
    memory.expanded.has(row.id) ? memory.expanded.delete(row.id) : memory.expanded.add(row.id);
    render();
  }

  function toggleSelected(row) {
    if (!data.selectable || row.fixed) return;
    memory.selected.has(row.id) ? memory.selected.delete(row.id) : memory.selected.add(row.id);
    render();
    publish();
  }

  function header() {
    const line = make("tr");
    if (data.selectable) {
      const cell = make("th", "check");
      const box = make("input");
      box.type = "checkbox";
      box.ariaLabel = "Select all";
      const choices = data.rows.filter((row) => !row.fixed);
      box.disabled = choices.length === 0;
      box.checked = choices.length > 0 && choices.every((row) => memory.selected.has(row.id));
      box.addEventListener("change", () => {
        for (const row of choices) box.checked ? memory.selected.add(row.id) : memory.selected.delete(row.id);
        render();
        publish();
      });
      cell.append(box);
      line.append(cell);
    }
    if (data.expandable) line.append(make("th", "fold"));
    for (const column of data.columns) {
      const cell = make("th", `align-${column.align}`);
      cell.scope = "col";
      if (column.width) cell.style.width = column.width;
      const active = memory.sort && memory.sort.key === column.key;
      const button = make("button", active ? "active" : "", column.label);
      button.type = "button";
      if (active) {
        cell.ariaSort = memory.sort.descending ? "descending" : "ascending";
        button.append(make("span", "arrow", memory.sort.descending ? "↓" : "↑"));
      }
      button.addEventListener("click", () => {
        memory.sort = { key: column.key, descending: active ? !memory.sort.descending : column.descending };
        render();
      });
      cell.append(button);
      line.append(cell);
    }
    const head = make("thead");
    head.append(line);
    return head;
  }

  function bodyRow(row) {
    const line = make("tr", "row");
    line.dataset.id = row.id;
    line.tabIndex = -1;
    if (row.tone) line.classList.add(`edge-${row.tone}`);
    if (row.faded) line.classList.add("faded");
    if (row.href || (row.detail && row.detail.length)) line.classList.add("opens");
    if (memory.selected.has(row.id)) line.classList.add("selected");
    if (data.selectable) {
      const cell = make("td", "check");
      const box = make("input");
      box.type = "checkbox";
      box.tabIndex = -1;
      box.ariaLabel = "Select";
      box.checked = memory.selected.has(row.id);
      box.disabled = Boolean(row.fixed);
      box.addEventListener("click", (event) => event.stopPropagation());
      box.addEventListener("change", () => toggleSelected(row));
      cell.append(box);
      line.append(cell);
    }
    if (data.expandable) {
      const expanded = memory.expanded.has(row.id);
      const cell = make("td", "fold");
      if (row.detail && row.detail.length) {
        const button = make("button", expanded ? "fold-open" : "", "›");
        button.type = "button";
        button.tabIndex = -1;
        button.ariaLabel = expanded ? "Hide details" : "Show details";
        button.ariaExpanded = String(expanded);
        button.addEventListener("click", (event) => {
          event.stopPropagation();
          toggleExpanded(row);
        });
        cell.append(button);
      }
      line.append(cell);
    }
    for (const column of data.columns) {
      const cell = make("td", `align-${column.align} kind-${column.kind}`);
      fill(cell, column, row.cells[column.key], open);
      line.append(cell);
    }
    line.addEventListener("click", (event) => {
      if (String(getSelection())) return; // somebody is copying text
      memory.focus = row.id;
      if (row.href) open(event, row.href);
      else if (row.detail && row.detail.length) toggleExpanded(row);
      else toggleSelected(row);
    });
    return line;
  }

  function render() {
    const scroll = root.scrollTop;
    const hadFocus = root.contains(root.getRootNode().activeElement);
    const table = make("table");
    if (data.caption) table.ariaLabel = data.caption;
    const body = make("tbody");
    for (const row of sorted(data.rows, memory.sort)) {
      body.append(bodyRow(row));
      if (memory.expanded.has(row.id) && row.detail && row.detail.length) body.append(detailRow(row, width));
    }
    table.append(header(), body);
    root.replaceChildren(table);
    root.style.maxHeight = data.height ? `${data.height}px` : "";
    root.scrollTop = scroll;
    const lines = [...root.querySelectorAll("tr.row")];
    const current = lines.find((line) => line.dataset.id === memory.focus) || lines[0];
    if (current) {
      current.tabIndex = 0;
      if (hadFocus) current.focus({ preventScroll: true });
    }
  }

  root.onkeydown = (event) => {
    const line = event.target.closest && event.target.closest("tr.row");
    if (!line || event.ctrlKey || event.metaKey || event.altKey) return;
    const lines = [...root.querySelectorAll("tr.row")];
    const position = lines.indexOf(line);
    const row = data.rows.find((candidate) => candidate.id === line.dataset.id);
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, Home: -position, End: lines.length - 1 - position }[event.key];
    if (step !== undefined) {
      const next = lines[Math.min(lines.length - 1, Math.max(0, position + step))];
      line.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
      memory.focus = next.dataset.id;
    } else if (event.key === "Enter") {
      if (row.href) setTriggerValue("open", row.href);
      else toggleExpanded(row);
    } else if (event.key === " " || event.key === "x") {
      data.selectable ? toggleSelected(row) : toggleExpanded(row);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };

  render();
}
