// The AI SDK: `generateText` and `streamText` with the provider `openai`, or with `openai-compatible` (chats only).

import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";
import { serve } from "./orders.mjs";

globalThis.AI_SDK_LOG_WARNINGS = false;

function model({ base_url: baseURL, key: apiKey, surface, way }) {
  if (way === "compatible") return createOpenAICompatible({ name: "guarded", baseURL, apiKey })("m");
  const provider = createOpenAI({ baseURL, apiKey });
  return surface === "chat" ? provider.chat("m") : provider.responses("m");
}

const named = (call) => `${call.toolName}(${JSON.stringify(call.input)})`;

await serve(async (order, saw) => {
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
