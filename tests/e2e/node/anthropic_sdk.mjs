// @anthropic-ai/sdk against a gateway: does what its first argument names, prints one JSON document.
import Anthropic from "@anthropic-ai/sdk";

const [scenario, baseURL] = process.argv.slice(2);
const client = new Anthropic({ baseURL, apiKey: "client-key", maxRetries: 0 });
const model = "lynkr-demo";
const messages = [{ role: "user", content: "What is the weather in Ljubljana?" }];
const input_schema = { type: "object", properties: { city: {} }, required: ["city"] };
const tools = [{ name: "get_weather", description: "Weather of a city", input_schema }];

const scenarios = {
  async demo() {
    const whole = await client.messages.create({ model, messages, max_tokens: 20 });
    const texts = [];
    const stream = client.messages.stream({ model, messages, max_tokens: 20 });
    stream.on("text", (piece) => texts.push(piece));
    const streamed = await stream.finalMessage();
    const asked = { model, max_tokens: 1000, tools };
    const first = await client.messages.create({ ...asked, messages, tool_choice: { type: "any" } });
    const call = first.content.find((block) => block.type === "tool_use");
    const result = { type: "tool_result", tool_use_id: call.id, content: "4 degrees ☃" };
    const second = await client.messages.create({
      ...asked,
      messages: [
        ...messages,
        { role: "assistant", content: first.content },
        { role: "user", content: [result] },
      ],
    });
    const count = await client.messages.countTokens({ model, messages });
    const listed = [];
    for await (const entry of client.models.list({ limit: 1 })) listed.push(entry.id);
    return {
      model: whole.model,
      whole: whole.content[0].text,
      streamed: streamed.content[0].text,
      pieces: texts.join(""),
      usage: [whole.usage.input_tokens, streamed.usage.input_tokens, count.input_tokens],
      call: [first.stop_reason, call.name, Object.keys(call.input)],
      answer: second.content[0].text,
      listed,
    };
  },
  async error() {
    try {
      await client.messages.create({ model, messages, max_tokens: 9 });
    } catch (error) {
      const overloaded = error instanceof Anthropic.APIError;
      const name = error.constructor.name;
      return { overloaded, name, status: error.status, body: error.error, id: error.requestID };
    }
    return {};
  },
  async broken() {
    const seen = [];
    try {
      const stream = await client.messages.create({ model, messages, max_tokens: 9, stream: true });
      for await (const event of stream) seen.push(event.type);
    } catch (error) {
      return { seen, known: error instanceof Anthropic.AnthropicError, told: String(error) };
    }
    return { seen };
  },
  async leave() {
    const stream = await client.messages.create({ model, messages, max_tokens: 9, stream: true });
    for await (const event of stream) return { seen: event.type }; // leaving the loop aborts
    return {};
  },
};

console.log(JSON.stringify(await scenarios[scenario]()));
