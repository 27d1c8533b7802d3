import JSON

/// What is implemented, as `schema.json` says in the manner of QEMU's QAPI schemas: commands, events, and the types of
/// what they take and return. `query-qmp-schema` tells it in QEMU's form, with names where QEMU has numbers.
enum QMPSchema {
    /// The entries of `schema.json`.
    static let entries: [JSONValue] = {
        // The file is part of the program, and tests read it.
        guard case .array(let entries)? = try? JSONParser.parse(PackageResources.schema_json[...]) else {
            preconditionFailure("schema.json is no array")
        }
        return entries
    }()

    /// The answer to `query-qmp-schema`: an array of SchemaInfo (QEMU, qapi/introspect.json).
    static var introspection: JSONValue {
        var writer = IntrospectionWriter()
        for entry in entries {
            writer.add(entry)
        }
        return .array(writer.infos)
    }
}

/// Makes SchemaInfo of the schema's entries, and of the types that those use without defining them.
private struct IntrospectionWriter {
    private(set) var infos: [JSONValue] = []
    private var known: Set<String> = []

    private static let builtins: [String: JSONValue] = [
        "str": "string", "int": "int", "size": "int", "number": "number", "bool": "boolean", "any": "value",
    ]

    mutating func add(_ entry: JSONValue) {
        if let name = entry["command"]?.string {
            let argument = entry["data"] == nil ? empty() : object(name + "-arg", entry["data"])
            let result = entry["returns"].map { reference($0) } ?? empty()
            infos.append([
                "name": .string(name), "meta-type": "command", "arg-type": .string(argument),
                "ret-type": .string(result), "allow-oob": false,
            ])
        } else if let name = entry["event"]?.string {
            let argument = entry["data"] == nil ? empty() : object(name + "-arg", entry["data"])
            infos.append(["name": .string(name), "meta-type": "event", "arg-type": .string(argument)])
        } else if let name = entry["struct"]?.string {
            _ = object(name, entry["data"])
        } else if let name = entry["enum"]?.string, case .array(let values)? = entry["data"] {
            infos.append([
                "name": .string(name), "meta-type": "enum", "members": .array(values.map { ["name": $0] }),
                "values": .array(values),
            ])
        }
    }

    /// Adds an object type; returns its name.
    private mutating func object(_ name: String, _ data: JSONValue?) -> String {
        guard case .object(let fields)? = data else { return empty() }
        let members = fields.map { field -> JSONValue in
            let isOptional = field.name.hasPrefix("*")
            let type = JSONValue.Member("type", .string(reference(field.value)))
            let name = JSONValue.Member("name", .string(isOptional ? String(field.name.dropFirst()) : field.name))
            return .object(isOptional ? [name, type, .init("default", .null)] : [name, type])
        }
        infos.append(["name": .string(name), "meta-type": "object", "members": .array(members)])
        return name
    }

    /// The type of commands and events without arguments, and of answers that say nothing.
    private mutating func empty() -> String {
        if known.insert("q_empty").inserted {
            infos.append(["name": "q_empty", "meta-type": "object", "members": []])
        }
        return "q_empty"
    }

    /// The name of a type that is used; arrays and what JSON has by itself are added when they are met first.
    private mutating func reference(_ type: JSONValue) -> String {
        if case .array(let elements) = type, let element = elements.first {
            let elementName = reference(element)
            let name = "[\(elementName)]"
            if known.insert(name).inserted {
                infos.append([
                    "name": .string(name), "meta-type": "array", "element-type": .string(elementName),
                ])
            }
            return name
        }
        let name = type.string ?? "any"
        if let kind = Self.builtins[name], known.insert(name).inserted {
            infos.append(["name": .string(name), "meta-type": "builtin", "json-type": kind])
        }
        return name
    }
}
