/// Paths as bytes.
extension [UInt8] {
    static var slash: UInt8 { UInt8(ascii: "/") }

    /// Without slashes at its end, but for the root's.
    public var withoutTrailingSlashes: [UInt8] {
        var path = self
        while path.count > 1 && path.last == Self.slash {
            path.removeLast()
        }
        return path
    }

    /// What stands behind the last slash; all of it where there is none.
    public var lastName: [UInt8] {
        lastIndex(of: Self.slash).map { Array(self[($0 + 1)...]) } ?? self
    }

    /// The directory of the last name.
    var parentPath: [UInt8] {
        guard let index = lastIndex(of: Self.slash) else { return [UInt8(ascii: ".")] }
        return index == 0 ? [Self.slash] : Array(self[..<index])
    }

    /// A path in the directory that this is the path of.
    func appending(_ name: [UInt8]) -> [UInt8] {
        last == Self.slash ? self + name : self + [Self.slash] + name
    }
}
