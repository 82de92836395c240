// openai against a gateway: does what its first argument names, prints one JSON document.
import OpenAI from "openai";

const [scenario, address] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${address}/v1`, apiKey: "client-key", maxRetries: 0 });
const model = "lynkr-demo";
const messages = [{ role: "user", content: "What is the weather in Ljubljana?" }];
const parameters = { type: "object", properties: { city: {} }, required: ["city"] };
const named = { name: "get_weather", description: "Weather of a city", parameters };

const scenarios = {
  async demo() {
    const limit = { max_completion_tokens: 20 };
    const whole = await client.chat.completions.create({ model, messages, ...limit });
    let streamed = "";
    let usage;
    const chunks = await client.chat.completions.create({
      ...{ model, messages, ...limit, stream: true },
      stream_options: { include_usage: true },
    });
    for await (const chunk of chunks) {
      streamed += chunk.choices[0]?.delta.content ?? "";
      usage = chunk.usage ?? usage;
    }
    const tools = [{ type: "function", function: named }];
    const asked = { model, tools };
    const first = await client.chat.completions.create({
      ...asked,
      messages,
      tool_choice: "required",
    });
    const [call] = first.choices[0].message.tool_calls;
    const result = { role: "tool", tool_call_id: call.id, content: "4 degrees ☃" };
    const second = await client.chat.completions.create({
      ...asked,
      messages: [...messages, first.choices[0].message, result],
    });
    const response = await client.responses.create({ model, input: "Hi", max_output_tokens: 20 });
    let said = "";
    let ended;
    const events = await client.responses.create({
      ...{ model, input: "Hi", max_output_tokens: 20, stream: true },
    });
    for await (const event of events) {
      if (event.type === "response.output_text.delta") said += event.delta;
      ended = event.type;
    }
    const embedded = await client.embeddings.create({ model, input: ["one", "two"] });
    const listed = [];
    for await (const entry of client.models.list()) listed.push(entry.id);
    return {
      model: whole.model,
      whole: whole.choices[0].message.content,
      streamed,
      usage: [whole.usage.completion_tokens, usage.completion_tokens],
      call: [
        first.choices[0].finish_reason,
        call.function.name,
        Object.keys(JSON.parse(call.function.arguments)),
      ],
      answer: second.choices[0].message.content,
      response: response.output_text,
      said,
      ended,
      embedded: embedded.data.map((entry) => entry.embedding.length),
      listed,
    };
  },
  async error() {
    try {
      await client.chat.completions.create({ model, messages });
    } catch (error) {
      return {
        name: error.constructor.name,
        status: error.status,
        body: error.error,
        id: error.requestID,
      };
    }
    return {};
  },
  async broken() {
    const seen = [];
    try {
      const stream = await client.chat.completions.create({ model, messages, stream: true });
      for await (const chunk of stream) seen.push(chunk.object);
    } catch (error) {
      return { seen, known: error instanceof OpenAI.OpenAIError, told: String(error) };
    }
    return { seen };
  },
  async leave() {
    const stream = await client.chat.completions.create({ model, messages, stream: true });
    for await (const chunk of stream) return { seen: chunk.object }; // leaving the loop aborts
    return {};
  },
};

console.log(JSON.stringify(await scenarios[scenario]()));
