/**
 * As entradas: de todo tipo, ao acaso, de `fast-check` com semente.
 *
 * @module
 */

import fc from "npm:fast-check@4.10.2";
import {
  CANARIOS,
  codificador,
  KEY_BYTES_MAX,
  keyDoCanario,
  linha,
  LINHA_BYTES_MAX,
} from "./comum.ts";

/** Uma entrada sorteada. */
export interface Entrada {
  readonly tipo: string;
  readonly bytes: Uint8Array;
  /** Se o servidor fecha a conexão por causa dela. */
  readonly fecha: boolean;
}

const id = fc.oneof(fc.nat(9), fc.maxSafeNat());
const lixo = fc.nat(49).map((n) => `lixo ${n}`);
const keyLida = fc.oneof(fc.nat(CANARIOS - 1).map(keyDoCanario), lixo);
const get = fc.record({ tipo: fc.constant("GET"), id, key: keyLida, timestamp: fc.nat(99) });
const put = fc.record({
  tipo: fc.constant("PUT"),
  id,
  key: lixo,
  value: fc.string({ unit: "binary", maxLength: 40 }),
});
const valida = fc.oneof(get, put, fc.record({ tipo: fc.constant("PULSE"), id }));

/** As que só um servidor manda, e as respostas; o que levam nunca pode aparecer na tabela. */
const forjada = fc.record({
  tipo: fc.constantFrom(
    ...["REPLICATION", "REPLICATION_OK", "ENTRY", "SYNC", "SYNC_OK", "FETCH", "FETCH_OK", "LEADER"],
    ...["LEADER_OK", "FORWARD", "JOIN", "JOIN_OK", "PUT_OK", "GET_OK", "ERRO", "PULSE_OK"],
    ...["TRY_OTHER_SERVER_OR_LATER", "AUTH", "AUTH_CHALLENGE", "AUTH_PROOF", "AUTH_OK"],
  ),
  id,
  key: fc.oneof(keyLida, fc.nat(49).map((n) => `forjada ${n}`)),
  value: fc.string({ unit: "binary" }),
  timestamp: fc.maxSafeNat(),
  reserva: fc.maxSafeNat(),
  prazo: fc.oneof(fc.nat(9), fc.maxSafeNat()),
  origem: fc.constantFrom("1.2.3.4:5", "x\n", "[::1]:1"),
  endereco: fc.constantFrom(
    ...["127.0.0.1:1", "0.0.0.0:1", "[::]:1", "[::ffff:127.0.0.1]:2", "x", "", "127.0.0.1:99999"],
    ...["LIDER", "SEGUIDOR"],
  ),
  token: fc.oneof(fc.uuid(), fc.constant("")),
  erro: fc.string(),
  definitivo: fc.boolean(),
  desafio: fc.constantFrom("0".repeat(64), "x"),
  prova: fc.constant("f".repeat(64)),
});

/** Números como texto: nem todos são JSON. */
const numero = fc.constantFrom(
  ...[
    "-0",
    "-1",
    "0.5",
    "1e308",
    "1e309",
    "-1e309",
    "1e-400",
    "00",
    "+1",
    "0x10",
    "NaN",
    "Infinity",
  ],
  ...["9007199254740991", "9007199254740992", "-9007199254740991", "18446744073709551616"],
  ...["1.0", "1e0", "10e-1", "4294967296", "2147483648", "null", "true", '"1"', "[1]", "1n"],
  ...["9".repeat(400), "0." + "0".repeat(400) + "1", "1e" + "9".repeat(400), "." + "1".repeat(9)],
);

const nome = fc.constantFrom(
  "tipo",
  "id",
  "key",
  "value",
  "timestamp",
  "endereco",
  "token",
  "prazo",
);

/** Um texto que começa e acaba como JSON e vai muito fundo. */
function fundo(abre: string, fecha: string, vezes: number): string {
  const quantas = Math.floor(vezes / (abre.length + fecha.length));
  return abre.repeat(quantas) + (fecha && abre.endsWith(":") ? "0" : "") + fecha.repeat(quantas);
}

/** Um texto de tantos bytes UTF-8, com caracteres de vários bytes. */
function deBytes(bytes: number, caractere: string): string {
  const cada = codificador.encode(caractere).length;
  return caractere.repeat(Math.floor(bytes / cada)) + "a".repeat(bytes % cada);
}

/** Um estrago nos bytes de uma linha. */
interface Mutacao {
  readonly onde: number;
  readonly quantos: number;
  readonly como: "vira" | "tira" | "repete" | "insere" | "corta";
  readonly byte: number;
}

const mutacao: fc.Arbitrary<Mutacao> = fc.record({
  onde: fc.nat(1_000),
  quantos: fc.nat(20),
  como: fc.constantFrom("vira", "tira", "repete", "insere", "corta"),
  // Poucas vezes fora de ASCII: o que não é UTF-8 acaba a sessão.
  byte: fc.oneof({ weight: 9, arbitrary: fc.nat(127) }, { weight: 1, arbitrary: fc.nat(255) }),
});

function mutar(bytes: Uint8Array, { onde, quantos, como, byte }: Mutacao): Uint8Array<ArrayBuffer> {
  const n = onde % bytes.length;
  const [antes, meio, depois] = [
    bytes.subarray(0, n),
    bytes.subarray(n, n + quantos),
    bytes.subarray(n + quantos),
  ];
  switch (como) {
    case "vira":
      return new Uint8Array([...antes, byte, ...bytes.subarray(n + 1)]);
    case "tira":
      return new Uint8Array([...antes, ...depois]);
    case "repete":
      return new Uint8Array([...antes, ...meio, ...meio, ...depois]);
    case "insere":
      return new Uint8Array([...antes, byte, ...meio, ...depois]);
    case "corta":
      return new Uint8Array([...antes, 10]);
  }
}

/** Os textos e bytes de cada tipo de entrada, e quantas em mil. */
const TIPOS: { readonly [tipo: string]: readonly [number, fc.Arbitrary<string | Uint8Array>] } = {
  "válidas": [100, valida.map(linha)],
  "bytes ao acaso": [
    40,
    fc.uint8Array({ maxLength: 200 }).map((bytes) => new Uint8Array([...bytes, 10])),
  ],
  "texto ao acaso": [60, fc.string({ unit: "binary" }).map((texto) => texto + "\n")],
  "JSON ao acaso": [60, fc.json().map((json) => json + "\n")],
  "válidas mutadas": [
    150,
    fc.tuple(fc.oneof(valida, forjada), fc.array(mutacao, { minLength: 1, maxLength: 4 })).map(
      ([valor, mutacoes]) => {
        let bytes = codificador.encode(linha(valor));
        for (const uma of mutacoes) if (bytes.length > 0) bytes = mutar(bytes, uma);
        return bytes;
      },
    ),
  ],
  "números nas beiradas": [
    80,
    fc.tuple(fc.oneof(valida, forjada), fc.constantFrom("id", "timestamp", "prazo", "key"), numero)
      .map(([valor, campo, texto]) => {
        const resto = Object.entries(valor).filter(([nome]) => nome !== campo);
        return linha(Object.fromEntries(resto)).replace(/}\n$/, `,"${campo}":${texto}}\n`);
      }),
  ],
  "campos duplicados": [
    40,
    fc.tuple(valida, fc.array(fc.tuple(nome, fc.jsonValue({ maxDepth: 1 })), { minLength: 1 })).map(
      ([valor, outros]) =>
        linha(valor).replace(
          /}\n$/,
          outros.map(([nome, outro]) => `,"${nome}":${JSON.stringify(outro)}`).join("") + "}\n",
        ),
    ),
  ],
  "__proto__ e afins": [
    40,
    fc.tuple(
      valida,
      fc.constantFrom("__proto__", "constructor", "prototype", "toString", "hasOwnProperty"),
      fc.constantFrom("campo", "tipo", "key", "dentro"),
    ).map(([valor, palavra, lugar]) => {
      if (lugar === "campo") return `{"${palavra}":${JSON.stringify(valor)}}\n`;
      if (lugar === "tipo") return linha({ ...valor, tipo: palavra });
      // Uma key chamada assim é uma key como outra.
      if (lugar === "key") return linha({ tipo: "GET", id: valor.id, key: palavra });
      return `{"tipo":"GET","id":${valor.id},"key":{"${palavra}":{"length":1}}}\n`;
    }),
  ],
  "surrogates soltos": [
    30,
    fc.tuple(valida, nome, fc.constantFrom("\\ud800", "a\\udfff", "\\udc00\\ud800")).map((
      [valor, nome, texto],
    ) => linha({ ...valor, [nome]: "§" }).replace("§", texto)),
  ],
  "UTF-8 impossível": [
    5,
    fc.constantFrom([0xed, 0xa0, 0x80], [0xc0, 0xaf], [0xff], [0xf4, 0x90, 0x80, 0x80], [0xe2])
      .map((bytes) =>
        new Uint8Array([...codificador.encode('{"tipo":"GET","key":"'), ...bytes, 10])
      ),
  ],
  "tipos trocados": [
    80,
    fc.tuple(fc.oneof(valida, forjada), nome, fc.jsonValue()).map(([valor, nome, outro]) =>
      linha({ ...valor, [nome]: outro })
    ),
  ],
  "forjadas": [100, forjada.map(linha)],
  "ids repetidos": [
    40,
    fc.array(valida, { minLength: 2, maxLength: 20 }).map((varias) =>
      varias.map((valor) => linha({ ...valor, id: 7 })).join("")
    ),
  ],
  "lotes": [
    50,
    fc.array(fc.oneof(valida, forjada, fc.jsonValue(), fc.array(valida, { maxLength: 3 })), {
      maxLength: 40,
    }).map(linha),
  ],
  "keys nas beiradas": [
    20,
    fc.tuple(
      fc.constantFrom("GET", "PUT"),
      id,
      fc.constantFrom("é", "€", "😀", "\0", "\ufeff", "a", "\n", "\u2028"),
      fc.constantFrom(1, KEY_BYTES_MAX - 1, KEY_BYTES_MAX, KEY_BYTES_MAX + 1, 100 * KEY_BYTES_MAX),
    ).map(([tipo, id, caractere, bytes]) =>
      linha({ tipo, id, key: deBytes(bytes, caractere), value: "lixo" })
    ),
  ],
  "fins de linha": [
    30,
    fc.tuple(
      fc.constantFrom("", "\ufeff", "\r", "\n", " \t", "\0"),
      valida,
      fc.constantFrom("\r\n", "\r\r\n", "\n\r\n", "\n\n\n", "\u2028\n", "\r", "\0\n", " \n"),
    ).map(([antes, valor, fim]) => antes + JSON.stringify(valor) + fim),
  ],
  "meias linhas": [
    10,
    fc.tuple(valida, fc.nat()).map(([valor, n]) => linha(valor).slice(0, n % linha(valor).length)),
  ],
  "começos de TLS": [
    5,
    fc.tuple(fc.constantFrom(0x15, 0x16, 0x17), fc.uint8Array({ maxLength: 300 })).map(
      ([tipo, bytes]) => new Uint8Array([tipo, 3, 1, ...bytes, 10]),
    ),
  ],
  "fundas": [
    3,
    fc.tuple(
      fc.constantFrom(["[", "]"], ["[", ""], ['{"a":', "}"], ['{"a":', ""], ["[[],", "[]]"]),
      fc.constantFrom(100, 10_000, 500_000, LINHA_BYTES_MAX - 100),
      fc.constantFrom("só", "key", "tipo", "id", "lote"),
    ).map(([[abre, fecha], vezes, lugar]) => {
      const texto = fundo(abre!, fecha!, vezes);
      if (lugar === "só") return texto + "\n";
      if (lugar === "lote") return `[{"tipo":"PULSE","id":1},${texto}]\n`;
      const campos = { tipo: "GET", id: 1, key: "canário 1", [lugar]: "§" };
      return linha(campos).replace('"§"', texto);
    }),
  ],
  // Onde uma expressão regular ou um número comprido custariam mais que uma leitura.
  "campos compridos": [
    1,
    fc.tuple(
      fc.constantFrom("JOIN endereco", "JOIN token", "FORWARD origem", "LEADER token", "GET key"),
      fc.constantFrom(" ", ":", "[", "1.", "\u00e9", "\\"),
    ).map(([onde, caractere]) => {
      const [tipo, campo] = onde.split(" ") as [string, string];
      const campos = { tipo, id: 1, key: "k", value: "", token: "", origem: "1:1", prazo: 1 };
      return linha({ endereco: "1.2.3.4:5", ...campos, [campo]: caractere.repeat(150_000) });
    }),
  ],
  "compridas": [
    1,
    fc.tuple(fc.constantFrom(-1, 0, 1, 2, 1_000_000), fc.constantFrom("\n", "\r\n")).map((
      [mais, fim],
    ) => {
      const pedido = (n: number) =>
        `{"tipo":"GET","id":1,"key":"canário 1","x":"${"x".repeat(n)}"}`;
      const envelope = codificador.encode(pedido(0)).length;
      return pedido(LINHA_BYTES_MAX + mais - envelope) + fim;
    }),
  ],
  "lotes de 100 000": [
    0.2,
    fc.constantFrom("1", "{}", "[]", '{"id":1}', '""', "null").map((item) =>
      `[${Array(100_000).fill(item).join(",")}]\n`
    ),
  ],
};

/** Sorteia entradas, de cada tipo segundo o peso dele. */
export const entrada: fc.Arbitrary<Omit<Entrada, "fecha">> = fc.oneof(
  ...Object.entries(TIPOS).map(([tipo, [peso, arbitrario]]) => ({
    weight: Math.round(peso * 10),
    arbitrary: arbitrario.map((texto) => ({
      tipo,
      bytes: typeof texto === "string" ? codificador.encode(texto) : texto,
    })),
  })),
);
