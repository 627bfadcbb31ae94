// The vendors' Node SDKs on upstreams of every protocol. Reads a list of {id, dialect, what, model, streamed}
// from standard input, holds each conversation, and prints one JSON object: id -> what the SDK said.
// What the upstream received is judged by who started this.
import Anthropic from "@anthropic-ai/sdk";
import { jsonSchemaOutputFormat } from "@anthropic-ai/sdk/helpers/json-schema";
import { GoogleGenAI } from "@google/genai";
import OpenAI from "openai";

const base = process.env.CLAVIS_BASE;
const key = process.env.CLAVIS_KEY;
const png = process.env.CLAVIS_PNG;

const look = {
  type: "object",
  properties: { where: { type: "string" } },
  required: ["where"],
};
const order = {
  type: "object",
  properties: { item: { type: "string" }, count: { type: "integer" } },
  required: ["item", "count"],
  additionalProperties: false,
};
const tools = [
  { name: "look", description: "Looks somewhere." },
  { name: "listen", description: "Listens somewhere." },
];
const picture = `data:image/png;base64,${png}`;

// ---------------------------------------------------------------------------------- anthropic

const claude = new Anthropic({ baseURL: base, apiKey: key, maxRetries: 0 });

function anthropic(model, { streamed, thinking, tooled }) {
  const messages = [];
  const asked = { model, max_tokens: 4000, messages };
  if (tooled) asked.tools = tools.map((tool) => ({ ...tool, input_schema: look }));
  if (thinking) asked.thinking = { type: "enabled", budget_tokens: 2000, display: "summarized" };
  async function ask(content) {
    messages.push({ role: "user", content });
    const message = streamed
      ? await claude.messages.stream(asked).finalMessage()
      : await claude.messages.create(asked);
    messages.push({ role: message.role, content: message.content });
    const of = (type) => message.content.filter((block) => block.type === type);
    return {
      text: of("text").map((block) => block.text).join(""),
      thought: of("thinking").map((block) => block.thinking).join(""),
      calls: of("tool_use").map(({ id, name, input }) => ({ id, name, where: input.where })),
      finish: message.stop_reason,
    };
  }
  return {
    say: (text) => ask(text),
    show: (text) =>
      ask([
        { type: "image", source: { type: "base64", media_type: "image/png", data: png } },
        { type: "text", text },
      ]),
    results: (said) =>
      ask(said.map(([call, content]) => ({ type: "tool_result", tool_use_id: call.id, content }))),
    async parsed() {
      const wanted = {
        model,
        max_tokens: 500,
        messages: [{ role: "user", content: "two keys, please" }],
        output_config: { format: jsonSchemaOutputFormat(order) },
      };
      const message = streamed
        ? await claude.messages.stream(wanted).finalMessage()
        : await claude.messages.parse(wanted);
      return message.parsed_output;
    },
    async broken(seen) {
      const stream = claude.messages.stream({ ...asked, messages: [{ role: "user", content: "hello" }] });
      stream.on("text", (text) => (seen.text += text));
      await stream.finalMessage();
    },
  };
}

// ------------------------------------------------------------------------------------- openai

const gpt = new OpenAI({ baseURL: `${base}/v1`, apiKey: key, maxRetries: 0 });

function openai_chat(model, { streamed, thinking, tooled }) {
  const messages = [];
  const asked = { model, messages };
  if (tooled)
    asked.tools = tools.map((tool) => ({ type: "function", function: { ...tool, parameters: look } }));
  if (thinking) asked.reasoning_effort = "low";
  async function ask(...more) {
    messages.push(...more);
    const completion = streamed
      ? await gpt.chat.completions
          .stream({ ...asked, stream_options: { include_usage: true } })
          .finalChatCompletion()
      : await gpt.chat.completions.create(asked);
    const { message, finish_reason } = completion.choices[0];
    messages.push(message);
    return {
      text: message.content ?? "",
      thought: message.reasoning_content ?? "",
      calls: (message.tool_calls ?? []).map((call) => ({
        id: call.id,
        name: call.function.name,
        where: JSON.parse(call.function.arguments).where,
      })),
      finish: finish_reason,
    };
  }
  return {
    say: (content) => ask({ role: "user", content }),
    show: (text) =>
      ask({
        role: "user",
        content: [
          { type: "text", text },
          { type: "image_url", image_url: { url: picture } },
        ],
      }),
    results: (said) =>
      ask(...said.map(([call, content]) => ({ role: "tool", tool_call_id: call.id, content }))),
    async parsed() {
      const wanted = {
        model,
        messages: [{ role: "user", content: "two keys, please" }],
        response_format: {
          type: "json_schema",
          json_schema: { name: "order", schema: order, strict: true },
        },
      };
      const completion = streamed
        ? await gpt.chat.completions.stream(wanted).finalChatCompletion()
        : await gpt.chat.completions.parse(wanted);
      const { parsed, content } = completion.choices[0].message;
      return parsed ?? JSON.parse(content);
    },
    async broken(seen) {
      const stream = gpt.chat.completions.stream({
        model,
        messages: [{ role: "user", content: "hello" }],
      });
      stream.on("content", (delta) => (seen.text += delta));
      await stream.finalChatCompletion();
    },
  };
}

function openai_responses(model, { streamed, thinking, tooled }) {
  const input = [];
  const asked = { model, input, store: false };
  if (tooled)
    asked.tools = tools.map((tool) => ({ type: "function", ...tool, parameters: look, strict: false }));
  if (thinking) {
    asked.reasoning = { effort: "low", summary: "auto" };
    asked.include = ["reasoning.encrypted_content"];
  }
  async function ask(...more) {
    input.push(...more);
    const response = streamed
      ? await gpt.responses.stream(asked).finalResponse()
      : await gpt.responses.create(asked);
    input.push(...response.output);
    const of = (type) => response.output.filter((item) => item.type === type);
    return {
      text: response.output_text,
      thought: of("reasoning")
        .flatMap((item) => (item.summary.length ? item.summary : (item.content ?? [])))
        .map((part) => part.text)
        .join(""),
      calls: of("function_call").map((item) => ({
        id: item.call_id,
        name: item.name,
        where: JSON.parse(item.arguments).where,
      })),
      finish: response.status,
    };
  }
  return {
    say: (content) => ask({ role: "user", content }),
    show: (text) =>
      ask({
        role: "user",
        content: [
          { type: "input_text", text },
          { type: "input_image", image_url: picture, detail: "auto" },
        ],
      }),
    results: (said) =>
      ask(...said.map(([call, output]) => ({ type: "function_call_output", call_id: call.id, output }))),
    async parsed() {
      const format = { type: "json_schema", name: "order", schema: order, strict: true };
      const wanted = { model, input: "two keys, please", text: { format } };
      const response = streamed
        ? await gpt.responses.stream(wanted).finalResponse()
        : await gpt.responses.parse(wanted);
      return response.output_parsed;
    },
    async broken(seen) {
      const stream = gpt.responses.stream({ model, input: "hello" });
      for await (const event of stream) {
        if (event.type === "response.output_text.delta") seen.text += event.delta;
        if (event.type === "response.failed") throw new Error(event.response.error.message);
        if (event.type === "error") throw new Error(event.message);
      }
      await stream.finalResponse();
    },
  };
}

// ------------------------------------------------------------------------------------- google

const google = new GoogleGenAI({
  apiKey: key,
  vertexai: false,
  httpOptions: { baseUrl: `${base}/gemini`, retryOptions: { attempts: 1 } },
});

function gemini(model, { streamed, thinking, tooled }) {
  const contents = [];
  const config = {};
  if (tooled)
    config.tools = [
      { functionDeclarations: tools.map((tool) => ({ ...tool, parametersJsonSchema: look })) },
    ];
  if (thinking) config.thinkingConfig = { includeThoughts: true, thinkingLevel: "LOW" };
  async function ask(parts) {
    contents.push({ role: "user", parts });
    const chunks = [];
    if (streamed) {
      const stream = await google.models.generateContentStream({ model, contents, config });
      for await (const chunk of stream) chunks.push(chunk);
    } else {
      chunks.push(await google.models.generateContent({ model, contents, config }));
    }
    const said = chunks.flatMap((chunk) => chunk.candidates?.[0].content?.parts ?? []);
    contents.push({ role: "model", parts: said });
    return {
      text: said.filter((part) => !part.thought).map((part) => part.text ?? "").join(""),
      thought: said.filter((part) => part.thought).map((part) => part.text ?? "").join(""),
      calls: said
        .filter((part) => part.functionCall)
        .map(({ functionCall: call }) => ({ id: call.id, name: call.name, where: call.args.where })),
      finish: chunks.at(-1).candidates[0].finishReason,
    };
  }
  return {
    say: (text) => ask([{ text }]),
    show: (text) => ask([{ text }, { inlineData: { data: png, mimeType: "image/png" } }]),
    results: (said) =>
      ask(
        said.map(([{ id, name }, result]) => ({ functionResponse: { id, name, response: { result } } })),
      ),
    async parsed() {
      const asked = {
        model,
        contents: "two keys, please",
        config: { responseMimeType: "application/json", responseJsonSchema: order },
      };
      if (!streamed) return JSON.parse((await google.models.generateContent(asked)).text);
      let said = "";
      for await (const chunk of await google.models.generateContentStream(asked)) said += chunk.text ?? "";
      return JSON.parse(said);
    },
    async broken(seen) {
      const stream = await google.models.generateContentStream({ model, contents: "hello" });
      for await (const chunk of stream) seen.text += chunk.text ?? "";
    },
  };
}

// ------------------------------------------------------------------------------- conversations

const dialects = { anthropic, openai_chat, openai_responses, gemini };
const refusals = [Anthropic.APIError, OpenAI.APIError];

// How an SDK told of an error: its own class, the status, the words.
function told(error) {
  const own = refusals.some((kind) => error instanceof kind) || error.name === "ApiError";
  return { own, status: error.status ?? null, message: String(error.message) };
}

const conversations = {
  text: async (talk) => [await talk.say("hello")],
  image: async (talk) => [await talk.show("what is this?")],
  parsed: (talk) => talk.parsed(),
  async tools(talk) {
    const asked = await talk.say("look left and right");
    const [left, right] = asked.calls;
    return [asked, await talk.results([[left, "a red wall"], [right, "a blue wall"]])];
  },
  async thinking(talk) {
    const first = await talk.say("think");
    const second = await talk.say("now look");
    return [first, second, await talk.results(second.calls.map((call) => [call, `${call.where}: wall`]))];
  },
  async refused(talk) {
    try {
      return { clean: await talk.say("hello") };
    } catch (error) {
      return told(error);
    }
  },
  async broken(talk) {
    const seen = { text: "" };
    try {
      await talk.broken(seen);
      return { ...seen, clean: true };
    } catch (error) {
      return { ...seen, ...told(error) };
    }
  },
};

async function hold({ dialect, what, model, streamed }) {
  const talk = dialects[dialect](model, {
    streamed,
    thinking: what === "thinking",
    tooled: what === "thinking" || what === "tools",
  });
  try {
    return await conversations[what](talk);
  } catch (error) {
    return { failed: `${error?.name}: ${error?.message}` };
  }
}

let text = "";
for await (const data of process.stdin) text += data;
const waiting = JSON.parse(text);
const results = {};
async function work() {
  for (let next = waiting.shift(); next; next = waiting.shift()) results[next.id] = await hold(next);
}
await Promise.all(Array.from({ length: 8 }, work));
console.log(JSON.stringify(results));
