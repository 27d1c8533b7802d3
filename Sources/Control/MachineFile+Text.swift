import Configuration
import JSON

extension MachineFile {
    /// The file as YAML.
    public var yaml: String {
        grouped.map { option, values in
            guard option.isRepeatable || option.kind == .keys else {
                return "\(option.name): \(Self.quoted(values[0]))\n"
            }
            let texts = values.map { value -> [String] in
                guard let value, option.kind == .keys, let keys = Self.keys(of: value) else {
                    return [Self.quoted(value)]
                }
                return keys.map { "\($0.key): \(Self.quoted($0.value))" }
            }
            guard option.isRepeatable else {
                return texts[0].count == 1 && !texts[0][0].contains(": ")
                    ? "\(option.name): \(texts[0][0])\n"
                    : "\(option.name):\n" + texts[0].map { "  \($0)\n" }.joined()
            }
            return "\(option.name):\n" + texts.map { "  - " + $0.joined(separator: "\n    ") + "\n" }.joined()
        }.joined()
    }

    /// The file as JSON.
    public var json: JSONValue {
        .object(
            grouped.map { option, values in
                let texts = values.map { value -> JSONValue in
                    guard let value else { return true }
                    guard option.kind == .keys, let keys = Self.keys(of: value) else { return .string(value) }
                    return .object(keys.map { JSONValue.Member($0.key, .string($0.value)) })
                }
                return JSONValue.Member(option.name, option.isRepeatable ? .array(texts) : texts[0])
            })
    }

    /// Changes the requested size, in bytes, of a memory device.
    public mutating func setRequestedSize(_ size: UInt64, of id: String) {
        entries = entries.map { entry in
            guard entry.option == "virtio-mem", let value = entry.value,
                let keys = Self.keys(of: value, isRepeated: true),
                keys.contains(where: { $0.key == "id" && $0.value == id })
            else { return entry }
            let others = keys.filter { $0.key != "requested-size" }
            // Before a path, which comes last.
            let first = others.prefix { $0.key != "path" } + [(key: "requested-size", value: "\(ByteSize(size))")]
            let texts = (first + others.drop { $0.key != "path" }).map { "\($0.key)=\($0.value)" }
            return Entry(entry.option, texts.joined(separator: ","))
        }
    }

    /// The options that are there, in their order.
    private var grouped: [(option: RunOption, values: [String?])] {
        RunOption.all.compactMap { option in
            let values = entries.filter { $0.option == option.name }.map(\.value)
            return values.isEmpty ? nil : (option, values)
        }
    }

    /// `key=value,key=value` taken apart; nil for a text of another form.
    ///
    /// - Parameter isRepeated: whether a key may be there twice, which no mapping has.
    private static func keys(of text: String, isRepeated: Bool = false) -> [(key: String, value: String)]? {
        var keys: [(key: String, value: String)] = []
        var rest = text[...]
        while !rest.isEmpty {
            let end = rest.hasPrefix("path=") ? rest.endIndex : rest.firstIndex(of: ",") ?? rest.endIndex
            let word = rest[..<end]
            guard let sign = word.firstIndex(of: "=") else { return nil }
            let key = String(word[..<sign])
            guard isRepeated || !keys.contains(where: { $0.key == key }) else { return nil }
            keys.append((key, String(word[word.index(after: sign)...])))
            rest = rest[end...].dropFirst()
        }
        return keys
    }

    /// A scalar of YAML; a flag is true.
    private static func quoted(_ text: String?) -> String {
        guard let text else { return "true" }
        let isPlain =
            text.first.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "/") } == true
            && text.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "/._-=+".utf8.contains(byte)
            }
        // A string of JSON is one of YAML.
        return isPlain && !["null", "true", "false"].contains(text)
            ? text : String(decoding: JSONValue.string(text).text, as: UTF8.self)
    }
}
