// The service: one streamed search, its events, its problems.

const KEY = "lrem-api-key";

/** What went wrong, in words for a person. */
export class Problem extends Error {
  constructor(
    { status = 0, title = "", detail = "", remedy = "", errors = [] },
    retryAfter = null,
  ) {
    super(title || "The search failed.");
    this.status = status;
    this.detail = detail;
    this.remedy = remedy;
    this.errors = errors;
    this.retryAfter = retryAfter;
  }
}

export const storedKey = () => sessionStorage.getItem(KEY);
export const keepKey = (key) => sessionStorage.setItem(KEY, key);
export const forgetKey = () => sessionStorage.removeItem(KEY);

/**
 * Ask, and hand on what comes as it comes.
 * @param {object} body Of POST /v1/search.
 * @param {AbortSignal} signal Ends it.
 * @yields {{event: string, data: object}} `direct`, `thought` and `result`, in the service's order.
 * @throws {Problem} The service refuses, fails or does not answer.
 */
export async function* searchEvents(body, signal) {
  const response = await request("v1/search", {
    method: "POST",
    headers: { Accept: "text/event-stream", "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });
  let finished = false;
  for await (const { event, data } of events(response.body)) {
    if (event === "error") throw new Problem(data);
    finished = event === "result";
    yield { event, data };
  }
  if (!finished) {
    throw new Problem({ title: "The answer broke off.", remedy: "Search again." });
  }
}

/** Ask once, without a stream. */
export async function searchOnce(body, signal) {
  const response = await request("v1/search", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });
  return response.json();
}

/** What the service serves; null while it is not ready. */
export async function readiness() {
  try {
    const response = await fetch("readyz");
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

async function request(path, options) {
  const key = storedKey();
  if (key) options.headers.Authorization = `Bearer ${key}`;
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({
      title: "The service does not answer.",
      remedy: "Check that lrem serve runs and that you are connected, then try again.",
    });
  }
  if (response.ok) return response;
  throw await problemOf(response);
}

async function problemOf(response) {
  const retryAfter = Number(response.headers.get("Retry-After")) || null;
  try {
    return new Problem({ status: response.status, ...(await response.json()) }, retryAfter);
  } catch {
    const title = `The service answered ${response.status}.`;
    return new Problem({ status: response.status, title, remedy: "Try again." }, retryAfter);
  }
}

async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    buffer = (buffer + value).replaceAll("\r\n", "\n");
    for (let end = buffer.indexOf("\n\n"); end >= 0; end = buffer.indexOf("\n\n")) {
      const message = parse(buffer.slice(0, end));
      buffer = buffer.slice(end + 2);
      if (message) yield message;
    }
  }
}

function parse(block) {
  let event = "message";
  const data = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event:")) event = line.slice(6).trim();
    else if (line.startsWith("data:")) data.push(line.slice(5));
  }
  return data.length ? { event, data: JSON.parse(data.join("\n")) } : null;
}
