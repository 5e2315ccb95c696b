// What was said, without CopilotChat: calls of the page's own tools are rendered as those have registered it.
import type { Message, ToolMessage } from "@ag-ui/client";
import { useRenderToolCall } from "@copilotkit/react-core/v2";

const SPEAKERS: Record<string, string> = { user: "You", assistant: "Agent", tool: "Result" };

export function Messages({ messages }: { messages: Message[] }) {
  const renderToolCall = useRenderToolCall();
  const resultOf = (call: string) =>
    messages.find((each): each is ToolMessage => each.role === "tool" && each.toolCallId === call);
  return (
    <div className="messages" role="log" aria-label="Conversation">
      {messages.map((message) => (
        <div key={message.id} className="message" data-role={message.id.startsWith("note:") ? "note" : message.role}>
          <span className="sr">{SPEAKERS[message.role] ?? message.role}: </span>
          {typeof message.content === "string" && <p>{message.content}</p>}
          {message.role === "assistant" && message.toolCalls?.map((call) => (
            <div key={call.id}>
              {renderToolCall({ toolCall: call, toolMessage: resultOf(call.id) })
                ?? <details className="call"><summary>{call.function.name}</summary><code>{call.function.arguments}</code></details>}
            </div>
          ))}
        </div>
      ))}
    </div>
  );
}
