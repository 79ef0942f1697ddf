/** The chat's page: nothing may load or run in it but the extension's own script and style. */

export interface PageParts {
  /** Where the editor serves the extension's files from, for the policy. */
  readonly source: string;
  readonly script: string;
  readonly style: string;
}

export function pageOf({ source, script, style }: PageParts): string {
  const policy = `default-src 'none'; style-src ${source}; script-src ${source}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<link rel="stylesheet" href="${style}">
<title>Chat</title>
</head>
<body>
<main id="log" role="log" aria-live="polite"></main>
<form id="form">
<textarea id="box" rows="3" aria-label="Message" placeholder="Ask (Enter sends, Shift+Enter is a new line)"></textarea>
<div class="row">
<button id="send" type="submit">Send</button>
<button id="stop" type="button" hidden>Stop</button>
<button id="clear" type="button" class="quiet">Clear</button>
</div>
</form>
<script src="${script}"></script>
</body>
</html>`;
}
