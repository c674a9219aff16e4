// Calls process operations of Azure's own SDK on a service of ours and prints what it makes of each answer, as JSON:
// node arm_client.js URL, calls as JSON on standard input: [[operation, ...arguments], ...]
const { WebSiteManagementClient } = require("@azure/arm-appservice");

const credential = { getToken: async () => ({ token: "static", expiresOnTimestamp: Date.now() + 3600000 }) };
const client = new WebSiteManagementClient(credential, "00000000-0000-0000-0000-000000000000", {
  endpoint: process.argv[2],
  allowInsecureConnection: true,
  retryOptions: { maxRetries: 0 },
});
// the SDK's own refuses plain http
client.pipeline.removePolicy({ name: "bearerTokenAuthenticationPolicy" });
client.pipeline.addPolicy({
  name: "bearer",
  async sendRequest(request, next) {
    request.headers.set("Authorization", `Bearer ${(await credential.getToken()).token}`);
    return next(request);
  },
});

const drain = async stream => {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces).toString("base64");
};

async function call([operation, ...given]) {
  const answer = client.webApps[operation](...given);
  if (typeof answer[Symbol.asyncIterator] === "function") {
    const items = [];
    for await (const item of answer) items.push(item);
    return items;
  }
  const result = await answer;
  return result?.readableStreamBody ? drain(result.readableStreamBody) : result ?? null;
}

(async () => {
  let text = "";
  for await (const piece of process.stdin) text += piece;
  const answers = [];
  for (const one of JSON.parse(text)) {
    try {
      answers.push({ result: await call(one) });
    } catch (error) {
      answers.push({ status: error.statusCode, code: error.code, message: error.message, details: error.details });
    }
  }
  console.log(JSON.stringify(answers));
})();
