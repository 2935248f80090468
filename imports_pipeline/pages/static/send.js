// Sends the form of the page Send with progress. A small file is sent in one request; a large one, or one that the API
// refuses as too large, is put to its upload URL. A key names the click, so a repeated request is the same import.
(() => {
  const element = (id) => document.getElementById(id);
  const prefix = () => window.path_prefix || "";
  let token = null;
  let sending = false;
  let detour = ""; // what the person is told about a file that takes another way

  const newToken = () =>
    Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

  function doing(text, share) {
    element("doing").textContent = detour + text;
    const bar = element("progress");
    bar.hidden = share === null;
    if (share !== null) bar.value = Math.round(100 * share);
  }

  function request(method, path, body) {
    return new Promise((resolve) => {
      const call = new XMLHttpRequest();
      call.open(method, path.startsWith("/") ? prefix() + path : path);
      if (method === "PUT") call.setRequestHeader("Content-Type", "application/octet-stream");
      call.upload.onprogress = (event) => {
        if (event.lengthComputable) doing(`Sending: ${Math.round((100 * event.loaded) / event.total)} %`, event.loaded / event.total);
      };
      call.upload.onload = () => doing("Checking the file …", null);
      call.onerror = () => resolve({ status: 0, body: { sentence: "The connection was lost. Send the file again; it will not be imported twice." } });
      call.onload = () => {
        let answer = {};
        try { answer = JSON.parse(call.responseText); } catch { answer = { sentence: `The pages answered with an error (${call.status}).` }; }
        resolve({ status: call.status, body: answer });
      };
      call.send(body);
    });
  }

  function fields(form) {
    const data = new FormData(form);
    data.delete("file");
    data.set("idempotency_key", (token ??= newToken()));
    const name = element("file").files[0].name.slice(0, 127);
    if (name.length >= 3) data.set("name", name);
    return data;
  }

  async function send(form, file) {
    let answer = { status: 413 };
    if (file.size <= Number(form.dataset.smallBytes)) {
      const data = fields(form);
      data.set("file", file);
      answer = await request("POST", "/send/file", data);
    }
    if (answer.status === 413) {
      token = newToken(); // another request than the one that was refused
      answer = await request("POST", "/send/large", fields(form));
      const { page, put, direct } = answer.body;
      if (answer.status < 400 && direct) {
        answer = await request("PUT", direct, file);
        // 409: the file is there already, by a request whose answer was lost.
        if (answer.status === 409 || (answer.status >= 200 && answer.status < 300)) return { status: 200, body: { page } };
        // 0 and 403: the store does not answer, or its CORS rule does not allow this page to send.
        if (answer.status >= 400 && answer.status !== 403) return { status: answer.status, body: { sentence: answer.body.message || "The file could not be stored. Send it again." } };
        detour = "The file store did not take the file from this page directly, so it is sent through these pages. ";
        doing("Sending …", 0);
      }
      if (put) answer = await request("PUT", direct ? `${put}?refused=${answer.status}` : put, file);
    }
    return answer;
  }

  document.addEventListener("submit", async (event) => {
    if (event.target.id !== "send") return;
    event.preventDefault();
    const file = element("file").files[0];
    if (sending) return;
    if (!file) { doing("Choose a file first.", null); element("file").focus(); return; }
    if (file.size === 0) { doing("The file is empty.", null); return; }
    sending = true;
    detour = "";
    element("check").disabled = true;
    doing("Sending …", 0);
    const answer = await send(event.target, file);
    if (answer.status > 0 && answer.status < 500) token = null; // otherwise the next click repeats this request
    if (answer.body.page) { location.assign(prefix() + answer.body.page); return; }
    sending = false;
    detour = "";
    element("check").disabled = false;
    doing(`Problem: ${answer.body.sentence}`, null);
    if (answer.status === 401) leaveForSignIn("over");
  });
  document.addEventListener("change", () => { if (!sending) token = null; });
  window.addEventListener("pageshow", () => { sending = false; if (element("check")) element("check").disabled = false; });

  for (const kind of ["dragover", "drop"]) {
    document.addEventListener(kind, (event) => {
      if (!element("drop")) return;
      event.preventDefault();
      if (kind === "drop" && event.dataTransfer.files.length) {
        element("file").files = event.dataTransfer.files;
        token = null;
      }
    });
  }
})();
