// What can be said to the scripted model, as buttons.
export function Says({ texts, disabled, onSay }: { texts: string[]; disabled: boolean; onSay: (text: string) => unknown }) {
  return (
    <p className="actions">
      <span className="unit">Say:</span>
      {texts.map((text) => <button key={text} disabled={disabled} onClick={() => onSay(text)}>{text}</button>)}
    </p>
  );
}
