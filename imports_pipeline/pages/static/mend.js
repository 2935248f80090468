// The grid of Mend: fetches the rejected rows, marks cells with a problem, takes pasted blocks, and sends corrected rows.
// Rows are sent in pieces by fetch, because messages of more than 1 MB over NiceGUI's connection are dropped.
(() => {
  const PIECE = 500;
  let api = null, address = "", headers = [], timer = null, sending = Promise.resolve(true);
  const changed = new Map();
  const prefix = () => window.path_prefix || "";
  const say = (text) => { document.getElementById("mended").textContent = text; };

  window.startMend = async (id, path) => {
    if (api) return; // the connection came back; the rows are there
    for (let tries = 0; !(getElement(id) && getElement(id).api); tries++) {
      if (tries > 200) { say("Problem: the grid cannot be shown. Load the page again."); return; }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    api = getElement(id).api;
    address = path;
    const answer = await fetch(prefix() + path).then((it) => it.json()).catch(() => ({ sentence: "The rows could not be loaded. Load the page again." }));
    if (answer.sentence) { say(`Problem: ${answer.sentence}`); return; }
    headers = answer.headers;
    const narrow = innerWidth <= 600;
    const bad = (params) => params.data.bad.includes(params.colDef.field);
    api.setGridOption("getRowId", (params) => String(params.data.line));
    const columns = headers.map((header, number) => ({
      field: `c${number}`, headerName: header, editable: true, width: narrow ? 160 : 180, sortable: true,
      cellClassRules: { "bad-cell": bad, "mended-cell": (params) => (params.data.touched || []).includes(params.colDef.field) },
      valueFormatter: (params) => (bad(params) ? `⚠ ${params.value ?? ""}` : params.value ?? ""),
    }));
    const problem = { field: "problem", headerName: "Problem", width: narrow ? 260 : 420, tooltipField: "problem" };
    // A narrow screen shows two columns: those with a problem come first.
    const marked = new Set(narrow ? answer.rows.flatMap((row) => row.bad) : []);
    api.setGridOption("columnDefs", [
      { field: "line", headerName: "Line", width: narrow ? 70 : 90, pinned: narrow ? null : "left" },
      ...columns.filter((column) => marked.has(column.field)),
      problem,
      ...columns.filter((column) => !marked.has(column.field)),
    ]);
    api.setGridOption("rowData", answer.rows);
    const mended = answer.rows.filter((row) => row.mended).length;
    if (mended) say(`${mended} corrected ${mended === 1 ? "row is" : "rows are"} kept from before.`);
    api.addEventListener("cellValueChanged", (event) => touched(event.node, [event.colDef.field]));
    api.addEventListener("cellFocused", (event) => {
      const node = event.rowIndex === null ? null : api.getDisplayedRowAtIndex(event.rowIndex);
      document.getElementById("problem").textContent = node ? `Line ${node.data.line}: ${node.data.problem}` : "";
    });
    document.addEventListener("paste", paste);
    for (const [line, row] of window.keptRows()) {
      const node = api.getRowNode(String(line));
      if (!node) continue;
      const fields = Object.keys(row).map((header) => `c${headers.indexOf(header)}`).filter((field) => field !== "c-1");
      for (const field of fields) node.data[field] = row[headers[Number(field.slice(1))]];
      touched(node, fields);
    }
  };
  // What has not been sent when the session ends.
  window.unsentRows = () => [...changed];

  function touched(node, fields) {
    const data = node.data;
    data.touched = [...new Set([...(data.touched || []), ...fields])];
    data.bad = data.bad.filter((field) => !fields.includes(field));
    const row = {};
    headers.forEach((header, number) => { if (data.touched.includes(`c${number}`)) row[header] = String(data[`c${number}`] ?? ""); });
    changed.set(data.line, row);
    api.refreshCells({ rowNodes: [node], force: true });
    clearTimeout(timer);
    timer = setTimeout(flush, 300);
  }

  function flush() {
    clearTimeout(timer);
    sending = sending.then(send);
    return sending;
  }
  window.flushMended = flush;

  async function send() {
    while (changed.size) {
      const piece = [...changed].slice(0, PIECE);
      const rows = piece.map(([line, row]) => ({ line, row }));
      let answer;
      try {
        const response = await fetch(prefix() + address, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ rows }) });
        answer = await response.json();
        if (response.status === 401) { leaveForSignIn("over"); return false; }
      } catch { answer = { sentence: "The connection was lost; what you typed is still here." }; }
      if (answer.sentence) { say(`Problem: ${answer.sentence}`); return false; }
      for (const [line, row] of piece) if (changed.get(line) === row) changed.delete(line);
      say(`${answer.mended} corrected ${answer.mended === 1 ? "row" : "rows"} so far. Check again when you are done.`);
    }
    return true;
  }

  function paste(event) {
    const cell = api.getFocusedCell();
    if (!cell || api.getEditingCells().length || ["INPUT", "TEXTAREA"].includes(document.activeElement.tagName)) return;
    event.preventDefault();
    const lines = event.clipboardData.getData("text/plain").replace(/\r\n?/g, "\n").replace(/\n$/, "").split("\n");
    const first = headers.findIndex((_, number) => `c${number}` === cell.column.getColId());
    if (first < 0) { say("Choose a cell of the file first, and paste then."); return; }
    const nodes = [];
    lines.forEach((line, down) => {
      const node = api.getDisplayedRowAtIndex(cell.rowIndex + down);
      if (!node) return;
      const fields = [];
      line.split("\t").forEach((value, right) => {
        if (first + right >= headers.length) return;
        const field = `c${first + right}`;
        node.data[field] = value;
        fields.push(field);
      });
      nodes.push([node, fields]);
    });
    for (const [node, fields] of nodes) touched(node, fields);
    say(`Pasted into ${nodes.length} rows.`);
  }
})();
