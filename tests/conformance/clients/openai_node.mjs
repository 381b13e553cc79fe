// The official Node client: `raw` reads the events, `helper` uses `stream()` and `parse()` where there are such.

import OpenAI from "openai";
import { serve } from "./orders.mjs";

const named = (name, args) => `${name}(${args})`;

function ended(response, saw) {
  const why = response.incomplete_details?.reason;
  saw.finish = why ? `${response.status}: ${why}` : response.status;
  saw.calls = response.output.filter((i) => i.type === "function_call").map((i) => named(i.name, i.arguments));
}

function read(event, saw) {
  if (event.type === "response.output_text.delta") saw.reads(event.delta);
  else if (event.type === "response.refusal.delta") saw.refusal += event.delta;
  else if (["response.completed", "response.incomplete", "response.failed"].includes(event.type))
    ended(event.response, saw);
}

async function chat(client, { says, stream, way }, saw) {
  const request = { model: "m", messages: [{ role: "user", content: says }] };
  if (!stream) {
    const completion = await client.chat.completions[way === "raw" ? "create" : "parse"](request);
    return finished(completion, saw, true);
  }
  if (way === "raw") {
    for await (const part of await client.chat.completions.create({ ...request, stream: true }))
      for (const choice of part.choices) {
        saw.reads(choice.delta.content);
        saw.refusal += choice.delta.refusal ?? "";
        saw.finish = choice.finish_reason ?? saw.finish;
        for (const call of choice.delta.tool_calls ?? []) saw.calls.push(named(call.function.name, call.function.arguments));
      }
    return;
  }
  const helper = client.chat.completions.stream(request);
  helper.on("content", (delta) => saw.reads(delta));
  helper.on("refusal.delta", ({ delta }) => (saw.refusal += delta));
  helper.on("tool_calls.function.arguments.done", (call) => saw.calls.push(named(call.name, call.arguments)));
  finished(await helper.finalChatCompletion(), saw, false);
}

function finished(completion, saw, whole) {
  const [choice] = completion.choices;
  if (whole) saw.reads(choice.message.content);
  saw.refusal = choice.message.refusal ?? "";
  saw.finish = choice.finish_reason;
  saw.calls = (choice.message.tool_calls ?? []).map((call) => named(call.function.name, call.function.arguments));
}

async function responses(client, { says, stream, way }, saw) {
  const request = { model: "m", input: says };
  if (!stream) {
    const response = await client.responses[way === "raw" ? "create" : "parse"](request);
    saw.reads(response.output_text);
    return ended(response, saw);
  }
  if (way === "raw") {
    for await (const event of await client.responses.create({ ...request, stream: true })) read(event, saw);
    return;
  }
  const helper = client.responses.stream(request);
  helper.on("event", (event) => read(event, saw));
  ended(await helper.finalResponse(), saw);
}

async function completions(client, { says, stream }, saw) {
  const request = { model: "m", prompt: says };
  const parts = stream ? await client.completions.create({ ...request, stream }) : [await client.completions.create(request)];
  for await (const part of parts)
    for (const choice of part.choices) {
      saw.reads(choice.text);
      saw.finish = choice.finish_reason ?? saw.finish;
    }
}

async function embeddings(client, { says }, saw) {
  const answer = await client.embeddings.create({ model: "m", input: says });
  saw.reads(answer.data.flatMap((each) => each.embedding).join(" "));
  saw.finish = answer.model;
}

async function moderations(client, { says }, saw) {
  const answer = await client.moderations.create({ model: "m", input: says });
  saw.reads(answer.results[0].flagged ? "flagged" : "fine");
  saw.finish = answer.model;
}

async function models(client, { says }, saw) {
  const found = says ? [await client.models.retrieve(says)] : (await client.models.list()).data;
  saw.reads(found.map((model) => model.id).join(" "));
}

const APIS = { chat, responses, completions, embeddings, moderations, models };

await serve(async (order, saw) => {
  const client = new OpenAI({
    baseURL: order.base_url, apiKey: order.key, maxRetries: order.retries, timeout: 60_000,
  });
  await APIS[order.surface](client, order, saw);
});
