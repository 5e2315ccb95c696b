// What was said, without CopilotChat: calls of the page's own tools are rendered as those have registered it.
import type { Message, ToolMessage } from "@ag-ui/client";
import { useRenderToolCall } from "@copilotkit/react-core/v2";

export function Messages({ messages }: { messages: Message[] }) {
  const renderToolCall = useRenderToolCall();
  const resultOf = (call: string) =>
    messages.find((each): each is ToolMessage => each.role === "tool" && each.toolCallId === call);
  return (
    <ol className="messages">
      {messages.map((message) => (
        <li key={message.id} data-role={message.role}>
          {typeof message.content === "string" && message.content}
          {message.role === "assistant" && message.toolCalls?.map((call) => (
            <div key={call.id}>
              {renderToolCall({ toolCall: call, toolMessage: resultOf(call.id) })
                ?? <small>{call.function.name}({call.function.arguments})</small>}
            </div>
          ))}
        </li>
      ))}
    </ol>
  );
}
