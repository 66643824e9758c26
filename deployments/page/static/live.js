// What happens, as it happens: server-sent events, read from a stream because only that can carry the token.

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;
const SILENT_MS = 30000;

export class Refused extends Error {}

class Unavailable extends Error {}

export async function refusal(response) {
  try {
    return (await response.json()).error.message;
  } catch {
    return `HTTP ${response.status}`;
  }
}

// Read events until the signal says so; a stream that ends or breaks off is asked for again, and
// on.lost is told why the gateway did not begin it, if it said so. Throws Refused.
export async function watch(token, on, signal) {
  let wait = FIRST_WAIT_MS;
  while (!signal.aborted) {
    let reason = "";
    try {
      await once(token, (name, data) => {
        wait = FIRST_WAIT_MS;
        on[name]?.(data);
      }, signal);
    } catch (error) {
      if (error instanceof Refused) throw error;
      if (error instanceof Unavailable) reason = error.message;
    }
    if (signal.aborted) return;
    on.lost?.(reason);
    await new Promise((done) => setTimeout(done, wait));
    wait = Math.min(LONGEST_WAIT_MS, wait * 2);
  }
}

async function once(token, tell, signal) {
  const ended = new AbortController();
  const stop = () => ended.abort();
  signal.addEventListener("abort", stop, { once: true });
  let alarm = setTimeout(stop, SILENT_MS);
  try {
    const headers = { authorization: `Bearer ${token}`, accept: "text/event-stream" };
    const response = await fetch("admin/live", { headers, signal: ended.signal, cache: "no-store" });
    if (response.status === 401 || response.status === 403) throw new Refused(await refusal(response));
    if (!response.ok) throw new Unavailable(await refusal(response));
    for await (const { name, data } of events(response.body)) {
      clearTimeout(alarm);
      alarm = setTimeout(stop, SILENT_MS);
      if (data) tell(name, JSON.parse(data));
    }
  } finally {
    clearTimeout(alarm);
    signal.removeEventListener("abort", stop);
    ended.abort();
  }
}

export async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    held += value;
    const blocks = held.split(/\r?\n\r?\n/);
    held = blocks.pop();
    for (const block of blocks) yield parsed(block);
  }
}

function parsed(block) {
  const event = { name: "message", data: "" };
  for (const line of block.split(/\r?\n/)) {
    if (line.startsWith("event:")) event.name = line.slice(6).trim();
    if (line.startsWith("data:")) event.data += line.slice(5).trimStart();
  }
  return event;
}

export async function order(token, path, body) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const signal = AbortSignal.timeout(20000);
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body), signal });
  if (!response.ok) throw new Error(await refusal(response));
  return response.json();
}
