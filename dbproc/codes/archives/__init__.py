"""Archives that anybody may have made: read member by member, unpacked, packed otherwise."""
