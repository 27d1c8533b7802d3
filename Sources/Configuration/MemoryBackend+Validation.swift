extension MemoryBackend {
    /// - Parameter option: how messages name what the memory is for.
    func check(option: String) throws(ConfigurationError) {
        func refuse(_ problem: String) -> ConfigurationError { ConfigurationError(option, problem) }
        switch (kind, path) {
        case (.file, nil): throw refuse("backend=file needs a directory or a file: give path=/var/tmp")
        case (.anonymous, _?), (.memfd, _?):
            throw refuse("backend=\(kind) has no path: backend=file and backend=hugetlbfs have one")
        default: break
        }
        if let path {
            guard !path.isEmpty, !path.utf8.contains(0) else {
                throw refuse("path is empty or contains a zero byte")
            }
        }
        guard !isShared || kind != .anonymous else {
            throw refuse("anonymous memory can't be shared: use backend=memfd for share=on")
        }
        guard hugePageSize == nil || kind == .hugetlbfs else {
            throw refuse("hugepages is for backend=hugetlbfs alone; backend=\(kind) has thp=on")
        }
        guard !transparentHugePages || kind != .hugetlbfs else {
            throw refuse("thp=on is not for backend=hugetlbfs, whose pages are huge anyway")
        }
        guard !reserve || kind != .memfd || !isShared else {
            throw refuse(
                "reserve=on can't be had for backend=memfd, which the host accounts for as it is touched: use"
                    + " prealloc=on, or another backend")
        }
        if let node = hostNodes.first(where: { $0 > Self.maximumHostNode }) {
            throw refuse("host-nodes \(node): nodes have the numbers 0 to \(Self.maximumHostNode)")
        }
        guard policy != .preferred || hostNodes.count <= 1 else {
            throw refuse("policy=preferred takes one node: give one host-nodes=N, or policy=bind")
        }
    }
}

extension Milliseconds {
    /// - Parameter option: how messages name what the time is for.
    func check(option: String) throws(ConfigurationError) {
        guard count <= Self.maximum.count else {
            throw ConfigurationError(option, ParseError.tooLong(description).description)
        }
    }
}
