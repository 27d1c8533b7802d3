import JSON

@testable import QMP

/// Says where a value is not as `schema.json` says.
struct SchemaValidator {
    private let types: [String: JSONValue]

    init() {
        var types: [String: JSONValue] = [:]
        for entry in QMPSchema.entries {
            if let name = (entry["struct"] ?? entry["enum"])?.string { types[name] = entry }
        }
        self.types = types
    }

    /// What is wrong with a value of a type; empty where nothing is.
    func problems(_ value: JSONValue, _ type: JSONValue, at place: String = "") -> [String] {
        if case .array(let elementTypes) = type {
            guard case .array(let elements) = value, let elementType = elementTypes.first else {
                return ["\(place) is no array"]
            }
            return elements.enumerated().flatMap { problems($0.element, elementType, at: "\(place)[\($0.offset)]") }
        }
        switch (type.string ?? "", value) {
        case ("any", _), ("str", .string), ("int", .integer), ("bool", .boolean): return []
        case ("size", .integer(let number)) where number >= 0: return []
        case (let name, _):
            guard let definition = types[name] else { return ["\(place): \(value.kind) is no \(name)"] }
            return problems(value, definition: definition, at: place)
        }
    }

    /// The same for what a command takes, or an event tells: members with their types.
    func problems(_ value: JSONValue, members data: JSONValue?, at place: String) -> [String] {
        guard case .object(let members) = value else { return ["\(place) is no object"] }
        var problems: [String] = []
        var fields: [String: JSONValue] = [:]
        if case .object(let entries)? = data {
            for entry in entries {
                let isOptional = entry.name.hasPrefix("*")
                let name = isOptional ? String(entry.name.dropFirst()) : entry.name
                fields[name] = entry.value
                if !isOptional, value[name] == nil { problems.append("\(place).\(name) is missing") }
            }
        }
        for member in members {
            guard let type = fields[member.name] else {
                problems.append("\(place).\(member.name) is unknown")
                continue
            }
            problems += self.problems(member.value, type, at: "\(place).\(member.name)")
        }
        return problems
    }

    private func problems(_ value: JSONValue, definition: JSONValue, at place: String) -> [String] {
        if definition["struct"] != nil { return problems(value, members: definition["data"], at: place) }
        guard case .array(let values)? = definition["data"], values.contains(value) else {
            return ["\(place): \(value) is none of \(definition["enum"] ?? .null)"]
        }
        return []
    }
}
