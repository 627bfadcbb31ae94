// The vendors' Node SDKs by base URL alone. Prints one JSON object: check name -> true, or what went wrong.
import Anthropic from "@anthropic-ai/sdk";
import OpenAI, { toFile } from "openai";
import { GoogleGenAI } from "@google/genai";

const base = process.env.CLAVIS_BASE;
const key = process.env.CLAVIS_KEY;
const SAID = "You said: hello";
const messages = [{ role: "user", content: "hello" }];
const results = {};

async function check(name, run) {
  try {
    const got = await run();
    results[name] = got === true ? true : `got ${JSON.stringify(got)}`;
  } catch (error) {
    results[name] = `${error?.name}: ${error?.message}`;
  }
}

async function refused(run) {
  try {
    await run();
    return "no error";
  } catch (error) {
    return error;
  }
}

for (const prefix of ["", "/api", "/claude", "/anthropic"]) {
  for (const form of ["apiKey", "authToken"]) {
    const client = new Anthropic({ baseURL: base + prefix, apiKey: null, [form]: key, maxRetries: 0 });
    const asked = { model: "claude-haiku-4-5", max_tokens: 64, messages };
    await check(`anthropic ${prefix} ${form} plain`, async () => {
      const message = await client.messages.create(asked);
      return message.content[0].text === SAID && message.usage.output_tokens > 0;
    });
    await check(`anthropic ${prefix} ${form} stream`, async () => {
      const stream = client.messages.stream(asked);
      return (await stream.finalText()) === SAID;
    });
    await check(`anthropic ${prefix} ${form} count and models`, async () => {
      const counted = await client.messages.countTokens({ model: asked.model, messages });
      const models = await client.models.list();
      return counted.input_tokens > 0 && Array.isArray(models.data);
    });
  }
}

await check("anthropic errors", async () => {
  const client = new Anthropic({ baseURL: `${base}/api`, apiKey: "sk-wrong", maxRetries: 0 });
  const error = await refused(() =>
    client.messages.create({ model: "claude-haiku-4-5", max_tokens: 9, messages }),
  );
  return error instanceof Anthropic.AuthenticationError && typeof error.requestID === "string";
});

for (const prefix of ["/v1", "/openai/v1"]) {
  const client = new OpenAI({ baseURL: base + prefix, apiKey: key, maxRetries: 0 });
  await check(`openai ${prefix} chat plain`, async () => {
    const chat = await client.chat.completions.create({ model: "gpt-5", messages });
    return chat.choices[0].message.content === SAID;
  });
  await check(`openai ${prefix} chat stream`, async () => {
    const stream = client.chat.completions.stream({ model: "gpt-5", messages });
    return (await stream.finalContent()) === SAID;
  });
  await check(`openai ${prefix} responses plain`, async () => {
    const answer = await client.responses.create({ model: "gpt-5", input: "hello" });
    return answer.output_text === SAID;
  });
  await check(`openai ${prefix} responses stream`, async () => {
    const stream = client.responses.stream({ model: "gpt-5", input: "hello" });
    return (await stream.finalResponse()).output_text === SAID;
  });
  await check(`openai ${prefix} images, embeddings, models`, async () => {
    const made = await client.images.generate({ model: "gpt-image-1", prompt: "a key" });
    const png = await toFile(Buffer.from(made.data[0].b64_json, "base64"), "key.png", {
      type: "image/png",
    });
    const edited = await client.images.edit({ model: "gpt-image-1", prompt: "gold", image: png });
    const vectors = await client.embeddings.create({ model: "text-embedding-3-small", input: "a" });
    const models = await client.models.list();
    return Boolean(
      edited.data[0].b64_json && vectors.data[0].embedding.length && models.data.length,
    );
  });
}

await check("openai errors", async () => {
  const wrong = new OpenAI({ baseURL: `${base}/v1`, apiKey: "sk-wrong", maxRetries: 0 });
  const one = await refused(() => wrong.chat.completions.create({ model: "gpt-5", messages }));
  const right = new OpenAI({ baseURL: `${base}/v1`, apiKey: key, maxRetries: 0 });
  const two = await refused(() => right.chat.completions.create({ model: "unheard-of", messages }));
  return one instanceof OpenAI.AuthenticationError && two instanceof OpenAI.NotFoundError;
});

for (const prefix of ["", "/gemini"]) {
  for (const apiVersion of [undefined, "v1beta", "v1"]) {
    const client = new GoogleGenAI({
      apiKey: key,
      vertexai: false,
      apiVersion,
      httpOptions: { baseUrl: base + prefix },
    });
    const asked = { model: "gemini-2.5-flash", contents: "hello" };
    await check(`google ${prefix} ${apiVersion} plain`, async () => {
      return (await client.models.generateContent(asked)).text === SAID;
    });
    await check(`google ${prefix} ${apiVersion} stream`, async () => {
      let said = "";
      for await (const part of await client.models.generateContentStream(asked)) {
        said += part.text ?? "";
      }
      return said === SAID;
    });
    await check(`google ${prefix} ${apiVersion} count`, async () => {
      return (await client.models.countTokens(asked)).totalTokens > 0;
    });
  }
}

await check("google errors", async () => {
  const client = new GoogleGenAI({ apiKey: "sk-wrong", vertexai: false, httpOptions: { baseUrl: base } });
  const error = await refused(() =>
    client.models.generateContent({ model: "gemini-2.5-flash", contents: "hello" }),
  );
  return error.name === "ApiError" && error.status === 401;
});

console.log(JSON.stringify(results));
