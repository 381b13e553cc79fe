// Anthropic's official Node client: `raw` reads the events, `helper` uses `stream()`.

import Anthropic from "@anthropic-ai/sdk";
import { serve } from "./orders.mjs";

function ended(message, saw) {
  saw.finish = message.stop_reason;
  saw.refusal = message.stop_details?.explanation ?? "";
  saw.calls = message.content.filter((each) => each.type === "tool_use").map((each) => named(each.name, JSON.stringify(each.input)));
}

const named = (name, args) => `${name}(${args})`;

async function events(stream, saw) {
  const calls = [];
  for await (const event of stream) {
    if (event.type === "content_block_start" && event.content_block.type === "tool_use") calls.push([event.content_block.name, ""]);
    else if (event.type === "content_block_delta" && event.delta.type === "text_delta") saw.reads(event.delta.text);
    else if (event.type === "content_block_delta" && event.delta.type === "input_json_delta") calls.at(-1)[1] += event.delta.partial_json;
    else if (event.type === "message_delta") {
      saw.finish = event.delta.stop_reason;
      saw.refusal = event.delta.stop_details?.explanation ?? "";
    }
  }
  saw.calls = calls.map(([name, args]) => named(name, args));
}

await serve(async ({ base_url, key, retries, says, stream, way }, saw) => {
  const client = new Anthropic({
    baseURL: base_url.replace(/\/v1$/, ""), apiKey: key, maxRetries: retries, timeout: 60_000,
  });
  const request = { model: "m", max_tokens: 64, messages: [{ role: "user", content: says }] };
  if (!stream) {
    const message = await client.messages.create(request);
    saw.reads(message.content.map((block) => block.text ?? "").join(""));
    return ended(message, saw);
  }
  if (way === "raw") return events(await client.messages.create({ ...request, stream }), saw);
  const helper = client.messages.stream(request);
  helper.on("text", (text) => saw.reads(text));
  ended(await helper.finalMessage(), saw);
});
