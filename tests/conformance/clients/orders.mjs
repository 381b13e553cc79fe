// The loop of a client program for Node: an order a line on standard input, what was seen a line on standard output.
// `orders.py` is the same for Python. A program that says `began` was given text, so the runner lets the upstream go on.

import { createInterface } from "node:readline";

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");

export class Witness {
  text = "";
  refusal = "";
  calls = [];
  finish = "";
  error = "";

  reads(text) {
    if (text && !this.text) say({ began: true });
    this.text += text ?? "";
  }

  // Its kind, its HTTP status and its code, as far as the client tells them.
  caught(error) {
    const kind = error?.constructor === Object ? "object" : (error?.constructor?.name ?? String(error));
    const said = error?.data?.error ?? error?.error?.error ?? error?.error;
    const code = error?.code ?? said?.code ?? said?.details?.error_code ?? said?.type;
    this.error = [kind, error?.status ?? error?.statusCode, code].filter((each) => each != null).join(" ");
  }
}

export async function serve(take) {
  for await (const line of createInterface({ input: process.stdin })) {
    const saw = new Witness();
    try {
      await take(JSON.parse(line), saw);
    } catch (error) {
      saw.caught(error);
    }
    say({ saw });
  }
}
