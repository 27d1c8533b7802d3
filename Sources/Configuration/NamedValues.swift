/// What was given by names, in order. They are few, and looked for one by one: a dictionary of them takes longer.
struct NamedValues {
    private var entries: [Entry] = []

    private struct Entry {
        let name: String
        let value: String
    }

    mutating func append(_ value: String, as name: String) {
        entries.append(Entry(name: name, value: value))
    }

    func all(_ name: String) -> [String] { entries.filter { $0.name == name }.map(\.value) }

    func first(_ name: String) -> String? { entries.first { $0.name == name }?.value }
}
