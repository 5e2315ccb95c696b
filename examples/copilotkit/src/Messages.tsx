import type { Message } from "@ag-ui/client";

export function Messages({ messages }: { messages: Message[] }) {
  return (
    <ol className="messages">
      {messages.map((message) => <li key={message.id} data-role={message.role}>{textOf(message)}</li>)}
    </ol>
  );
}

function textOf(message: Message): string {
  if (message.role === "assistant" && message.toolCalls?.length) {
    return message.toolCalls.map((call) => `${call.function.name}(${call.function.arguments})`).join(", ");
  }
  return typeof message.content === "string" ? message.content : "";
}
