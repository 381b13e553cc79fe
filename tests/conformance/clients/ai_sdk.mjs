// The AI SDK: `generateText`, `streamText` and `embed` with the providers `openai`, `openai-compatible` and `anthropic`.

import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embed, generateText, streamText } from "ai";
import { serve } from "./orders.mjs";

globalThis.AI_SDK_LOG_WARNINGS = false;

function provided({ base_url: baseURL, key: apiKey, way }) {
  if (way === "compatible") return createOpenAICompatible({ name: "guarded", baseURL, apiKey, includeUsage: false });
  return way === "anthropic" ? createAnthropic({ baseURL, apiKey }) : createOpenAI({ baseURL, apiKey });
}

function model(order) {
  const provider = provided(order);
  if (order.way === "anthropic") return provider("m");
  if (order.surface === "completions") return (provider.completionModel ?? provider.completion)("m");
  if (order.way === "compatible") return provider("m");
  return order.surface === "chat" ? provider.chat("m") : provider.responses("m");
}

const named = (call) => `${call.toolName}(${JSON.stringify(call.input)})`;

await serve(async (order, saw) => {
  if (order.surface === "embeddings") {
    const embedder = provided(order).embeddingModel("m");
    const { embedding } = await embed({ model: embedder, value: order.says, maxRetries: order.retries });
    return saw.reads(embedding.join(" "));
  }
  const request = { model: model(order), prompt: order.says, maxRetries: order.retries };
  if (!order.stream) {
    const answer = await generateText(request);
    saw.reads(answer.text);
    saw.finish = answer.finishReason;
    saw.calls = answer.toolCalls.map(named);
    return;
  }
  // What it cannot deliver comes as a part of the stream, which is where an application looks.
  for await (const part of streamText({ ...request, onError() {} }).fullStream) {
    if (part.type === "text-delta") saw.reads(part.text);
    else if (part.type === "tool-call") saw.calls.push(named(part));
    else if (part.type === "finish") saw.finish = part.finishReason;
    else if (part.type === "error") saw.caught(part.error);
  }
});
