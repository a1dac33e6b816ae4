/**
 * A bancada de ataque: três servidores em processos de verdade, um cliente normal
 * a trabalhar (noutra thread), e quem lhes mande de tudo: entradas ao acaso, de
 * `fast-check` com semente; conexões lentas, gulosas, e muitas.
 *
 * ```sh
 * deno task ataque --entradas=100000 --semente=42 --segundos=10
 * ```
 *
 * De cada sessão sabe-se, por um segundo leitor do protocolo escrito aqui, quantas
 * respostas cabem a cada id e de que tipo; de cada key, que valores pode ter.
 *
 * @module
 */

import fc from "npm:fast-check@4.10.2";
import {
  Fio,
  iniciarTresProgramas,
  type Json,
  lerOpcoes,
  naoDeixarProgramas,
  portasLivres,
  type Programa,
} from "./apoio.ts";
import { sorteio } from "./falhas.ts";
import { Cliente } from "../cliente.ts";
import { lerEndereco } from "../lib/endereco.ts";
import { inteiroEntre, lerOpcao } from "../lib/opcoes.ts";

/** Os limites do contrato, que se põem à prova dos dois lados. */
const LINHA_BYTES_MAX = 1024 * 1024;
const KEY_BYTES_MAX = 1024;

/** Keys que ninguém escreve depois do começo, e as do cliente normal. */
const CANARIOS = 50;
const NORMAIS = 20;

/** A key com um value de 900 KB, que os gulosos pedem. */
const GORDA = "canário gordo";
const GORDO = "g".repeat(900 * 1024);

/** Sessões de entradas ao mesmo tempo, e entradas em cada uma, no máximo. */
const SESSOES = 8;
const ENTRADAS_POR_SESSAO_MAX = 100;

/** Entradas sorteadas de cada vez. */
const SORTEADAS = 1_000;

/** Uma sessão que passe disto pendeu, em milissegundos: mais que o prazo de um PUT. */
const SESSAO_MS = 30_000;

/** O que se promete da memória e do p99 do cliente normal, e o repouso antes de medir a memória. */
const MEMORIA_MAX = 1.2;
const P99_MAX = 5;
const REPOUSO_MS = 20_000;

/** Quantos atacam em cada fase. */
const LENTAS = 500;
const GULOSOS = 100;
const GULOSOS_DEMAIS = 300;
const ABERTAS = 10_000;
const EM_PARALELO = 20;

/** O que um servidor pode dizer em stderr durante o ataque, e o que o inspetor diz. */
const AVISOS_CONHECIDOS =
  /^Aviso: (sem o líder, tentando de novo: .*|em dia com o líder .*|\d+ linhas não foram mostradas: a console não era lida)$|^Debugger |^Visit chrome:/;

/** O plano de uma corrida. */
export interface Plano {
  readonly semente: number;
  readonly entradas: number;
  /** Quanto dura cada fase depois das entradas, em segundos; zero, não há fases nem se mede. */
  readonly segundos: number;
  /** Se os servidores não mostram os pedidos. */
  readonly silencioso?: boolean;
}

/** Como foi o cliente normal durante algum tempo. */
interface Janela {
  readonly operacoes: number;
  /** Milissegundos. */
  readonly p99: { readonly put: number; readonly get: number };
  readonly quebras: readonly string[];
}

/** O que uma corrida fez, e o que se viu. */
export interface Relatorio {
  /** Entradas e respostas, de cada tipo. */
  readonly entradas: ReadonlyMap<string, number>;
  readonly respostas: ReadonlyMap<string, number>;
  /** Sessões, conforme como acabam. */
  readonly sessoes: ReadonlyMap<string, number>;
  /** A memória de cada servidor, e a residente no pico, em MiB. */
  readonly memoria: readonly { medidas: readonly Memoria[]; pico: number }[];
  readonly fases: readonly (Janela & { readonly nome: string })[];
  /** Promessas quebradas; e as que dependem da máquina: tempos e memória. */
  readonly quebras: readonly string[];
  readonly excessos: readonly string[];
}

/**
 * Memória de um servidor em repouso, em MiB, depois de o inspetor mandar o V8 recolher o
 * lixo da thread principal (sozinho, ele só o recolhe quando chega mais). A viva é a de que
 * o programa precisa; a residente é a que o processo ocupa, com o que o malloc guarda.
 */
interface Memoria {
  readonly quando: string;
  readonly viva: number;
  readonly residente: number;
}

const codificador = new TextEncoder();

function pausar(ms: number): Promise<void> {
  return new Promise((resolver) => setTimeout(resolver, ms));
}

function contar(mapa: Map<string, number>, nome: string): void {
  mapa.set(nome, (mapa.get(nome) ?? 0) + 1);
}

const keyDoCanario = (n: number) => `canário ${n}`;
const valueDoCanario = (n: number) => `intocado ${n}`;
const keyNormal = (n: number) => `normal ${n}`;
const CANARIO = new Map([
  ...Array.from({ length: CANARIOS }, (_, n) => [keyDoCanario(n), valueDoCanario(n)] as const),
  [GORDA, GORDO] as const,
]);

// --- As entradas -------------------------------------------------------------

interface Entrada {
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

function linha(valor: unknown): string {
  return JSON.stringify(valor) + "\n";
}

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

const entrada: fc.Arbitrary<Omit<Entrada, "fecha">> = fc.oneof(
  ...Object.entries(TIPOS).map(([tipo, [peso, arbitrario]]) => ({
    weight: Math.round(peso * 10),
    arbitrary: arbitrario.map((texto) => ({
      tipo,
      bytes: typeof texto === "string" ? codificador.encode(texto) : texto,
    })),
  })),
);

// --- O que se espera: um segundo leitor do protocolo ----------------------------

type Classe = "GET" | "PUT" | "PULSE" | "ERRO";

/** O que cabe a uma sessão. */
interface Esperadas {
  /** Quantas respostas de cada classe, para cada id ("-", sem id). */
  readonly porId: Map<string, { readonly [classe in Classe]: number }>;
  /** Keys pedidas em GET, e as escritas. */
  readonly lidas: Set<string>;
  readonly escritas: Set<string>;
  total: number;
  /** Bytes até o fim da linha que faz o servidor fechar a conexão; `undefined`, nenhuma faz. */
  fecha: number | undefined;
  /** Se acaba em meia linha: o ERRO dela só vem com o fim da conexão. */
  meia: boolean;
}

function inteiro(valor: unknown): boolean {
  return Number.isSafeInteger(valor) && (valor as number) >= 0;
}

function texto(valor: unknown): valor is string {
  return typeof valor === "string" && valor.isWellFormed();
}

function classificar(item: Json): Classe {
  if (typeof item !== "object" || item === null || Array.isArray(item)) return "ERRO";
  if (item.id !== undefined && !inteiro(item.id)) return "ERRO";
  if (item.tipo === "PULSE") return "PULSE";
  if (!texto(item.key) || item.key === "") return "ERRO";
  if (codificador.encode(item.key).length > KEY_BYTES_MAX) return "ERRO";
  if (item.tipo === "PUT") return texto(item.value) ? "PUT" : "ERRO";
  if (item.tipo !== "GET") return "ERRO";
  return item.timestamp === undefined || inteiro(item.timestamp) ? "GET" : "ERRO";
}

function prever(bytes: Uint8Array): Esperadas {
  const esperadas: Esperadas = {
    porId: new Map(),
    lidas: new Set(),
    escritas: new Set(),
    total: 0,
    fecha: undefined,
    meia: false,
  };
  const esperar = (classe: Classe, id: unknown) => {
    const nome = inteiro(id) ? String(id) : "-";
    const antes = esperadas.porId.get(nome) ?? { GET: 0, PUT: 0, PULSE: 0, ERRO: 0 };
    esperadas.porId.set(nome, { ...antes, [classe]: antes[classe] + 1 });
    esperadas.total++;
  };
  const decodificador = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  for (let inicio = 0; inicio < bytes.length;) {
    const fim = bytes.indexOf(10, inicio);
    if (fim < 0) {
      esperadas.meia = true;
      esperar("ERRO", undefined);
      break;
    }
    const linha = bytes.subarray(inicio, bytes[fim - 1] === 13 && fim > inicio ? fim - 1 : fim);
    inicio = fim + 1;
    let itens: Json[];
    try {
      if (linha.length > LINHA_BYTES_MAX) throw new RangeError();
      const texto = decodificador.decode(linha);
      try {
        itens = [JSON.parse(texto)].flat();
      } catch {
        esperar("ERRO", undefined);
        continue;
      }
    } catch {
      esperar("ERRO", undefined);
      esperadas.fecha = inicio;
      break;
    }
    for (const item of itens) {
      const classe = classificar(item);
      if (classe === "GET") esperadas.lidas.add(item.key);
      if (classe === "PUT") esperadas.escritas.add(item.key);
      esperar(classe, item?.id);
    }
  }
  return esperadas;
}

const CLASSE_DA_RESPOSTA: { readonly [tipo: string]: Classe } = {
  GET_OK: "GET",
  TRY_OTHER_SERVER_OR_LATER: "GET",
  PUT_OK: "PUT",
  PULSE_OK: "PULSE",
  ERRO: "ERRO",
};

/** O que há de errado numa resposta por si só. */
function estranheza(resposta: Json, { lidas, escritas }: Esperadas): string | undefined {
  const { tipo, id, key, value, timestamp, erro, definitivo } = resposta ?? {};
  const classe = Object.hasOwn(CLASSE_DA_RESPOSTA, tipo) ? CLASSE_DA_RESPOSTA[tipo] : undefined;
  if (!classe) return "tipo inesperado";
  if (id !== undefined && !inteiro(id)) return "id que não é inteiro";
  if (classe === "ERRO") {
    return texto(erro) && typeof definitivo === "boolean" ? undefined : "ERRO malformado";
  }
  if (classe === "PULSE") return undefined;
  if (!inteiro(timestamp)) return "timestamp que não é inteiro";
  if (!(classe === "PUT" ? escritas : lidas).has(key)) return "key que ninguém pediu";
  if (tipo !== "GET_OK") return undefined;
  if (CANARIO.has(key)) return value === CANARIO.get(key) ? undefined : "canário mudado";
  return value === null || texto(value) ? undefined : "value malformado";
}

/** Confere as respostas de uma sessão inteira. */
function conferir(esperadas: Esperadas, respostas: readonly Json[]): string | undefined {
  const vindas = new Map<string, { [tipo: string]: number }>();
  for (const resposta of respostas) {
    const porque = estranheza(resposta, esperadas);
    if (porque) return `${porque}: ${JSON.stringify(resposta).slice(0, 300)}`;
    const nome = String(resposta.id ?? "-");
    const contas = vindas.get(nome) ?? { GET: 0, PUT: 0, PULSE: 0, ERRO: 0, indefinidos: 0 };
    contas[CLASSE_DA_RESPOSTA[resposta.tipo]!]!++;
    if (resposta.tipo === "ERRO" && !resposta.definitivo) contas.indefinidos!++;
    vindas.set(nome, contas);
  }
  for (const nome of new Set([...esperadas.porId.keys(), ...vindas.keys()])) {
    const cabem = esperadas.porId.get(nome) ?? { GET: 0, PUT: 0, PULSE: 0, ERRO: 0 };
    const vieram = vindas.get(nome) ?? { GET: 0, PUT: 0, PULSE: 0, ERRO: 0, indefinidos: 0 };
    const soma = (c: { [classe: string]: number }) => c.GET! + c.PUT! + c.PULSE! + c.ERRO!;
    // Um PUT válido pode ter um ERRO no lugar do PUT_OK; o resto é certo.
    const certo = soma(cabem) === soma(vieram) && cabem.GET === vieram.GET &&
      cabem.PULSE === vieram.PULSE && vieram.PUT! <= cabem.PUT && vieram.indefinidos! <= cabem.PUT;
    if (!certo) {
      return `respostas ao id ${nome}: cabiam ${JSON.stringify(cabem)}, vieram ${
        JSON.stringify(vieram)
      }`;
    }
  }
  return undefined;
}

// --- Uma sessão ----------------------------------------------------------------

/** Como uma sessão acaba: a metade fechada, todas as respostas lidas, sumindo, ou sem ler nada. */
const ACABARES = ["metade", "metade", "metade", "lidas", "some", "cala"] as const;

async function discar(endereco: string): Promise<Deno.TcpConn> {
  const { ip, porta } = lerEndereco(endereco);
  return await Deno.connect({ hostname: ip, port: porta });
}

function fechar(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // Já fechada.
  }
}

async function escrever(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let n = 0; n < bytes.length;) n += await conn.write(bytes.subarray(n));
}

/** Manda os bytes e confere o que volta; devolve o que há de errado. */
async function sessao(
  endereco: string,
  bytes: Uint8Array,
  esperadas: Esperadas,
  acabar: typeof ACABARES[number],
  pedacos: readonly number[],
  respostas: Map<string, number>,
): Promise<string | undefined> {
  const conn = await discar(endereco);
  conn.setNoDelay(true);
  const enviar = async () => {
    let inicio = 0;
    for (const fim of [...pedacos, bytes.length]) {
      await escrever(conn, bytes.subarray(inicio, fim));
      inicio = fim;
      if (fim < bytes.length) await pausar(0);
    }
  };
  if (acabar === "some" || acabar === "cala") {
    const envio = enviar().catch(() => {});
    // Calado, dá tempo ao servidor de responder a quem não lê.
    const temporizador = setTimeout(() => fechar(conn), 200);
    if (acabar === "cala") await pausar(50);
    await envio;
    clearTimeout(temporizador);
    fechar(conn);
    return undefined;
  }

  const vindas: Json[] = [];
  const faltam = acabar === "lidas" && esperadas.fecha === undefined
    ? esperadas.total - (esperadas.meia ? 1 : 0)
    : Infinity;
  let pendeu = false;
  const temporizador = setTimeout(() => {
    pendeu = true;
    fechar(conn);
  }, SESSAO_MS);
  const ler = async () => {
    const decodificador = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    const buffer = new Uint8Array(64 * 1024);
    const partes: string[] = [];
    while (vindas.length < faltam) {
      const n = await conn.read(buffer);
      if (n === null) break;
      const pedaco = decodificador.decode(buffer.subarray(0, n), { stream: true });
      partes.push(pedaco);
      if (!pedaco.includes("\n")) continue;
      const linhas = partes.splice(0).join("").split("\n");
      partes.push(linhas.pop()!);
      for (const linha of linhas) {
        const lido: Json = JSON.parse(linha);
        for (const item of Array.isArray(lido) ? lido : [lido]) vindas.push(item);
      }
    }
    if (partes.join("") !== "") throw new Error("a conexão acabou em meia linha");
  };
  try {
    const leitura = ler();
    leitura.catch(() => {});
    // Se o servidor fechou antes de ler tudo, o que importa é o que respondeu.
    await enviar().catch(() => {});
    if (faltam === Infinity) await conn.closeWrite().catch(() => {});
    await leitura;
  } catch (erro) {
    if (!pendeu) return `${(erro as Error).message}, depois de ${vindas.length} respostas`;
  } finally {
    clearTimeout(temporizador);
    fechar(conn);
  }
  for (const { tipo } of vindas) contar(respostas, tipo);
  if (pendeu) return `pendeu: ${vindas.length} respostas de ${esperadas.total}`;
  if (faltam === Infinity) return conferir(esperadas, vindas);
  return esperadas.meia ? undefined : conferir(esperadas, vindas);
}

/** Todas as entradas, em sessões, contra os três. Devolve as quebras; junta as keys escritas. */
async function fuzz(
  plano: Plano,
  enderecos: readonly string[],
  contas: { [nome in "entradas" | "respostas" | "sessoes"]: Map<string, number> },
  escritas: Set<string>,
): Promise<string[]> {
  const acaso = sorteio(plano.semente);
  const quebras: string[] = [];
  let [feitas, sorteadas] = [0, 0];
  const lote: Entrada[] = [];
  /** As da próxima sessão: acaba na primeira que faz o servidor fechar a conexão. */
  const proximas = (): Entrada[] => {
    if (lote.length < ENTRADAS_POR_SESSAO_MAX) {
      const seed = (plano.semente + sorteadas) | 0;
      for (const sorteada of fc.sample(entrada, { seed, numRuns: SORTEADAS })) {
        lote.push({ ...sorteada, fecha: prever(sorteada.bytes).fecha !== undefined });
      }
      sorteadas += SORTEADAS;
    }
    const quantas = Math.min(acaso.inteiro(1, ENTRADAS_POR_SESSAO_MAX), plano.entradas - feitas);
    const ultima = lote.findIndex(({ fecha }) => fecha);
    return lote.splice(0, ultima < 0 ? quantas : Math.min(quantas, ultima + 1));
  };
  const laco = async () => {
    while (feitas < plano.entradas && quebras.length < 20) {
      const n = feitas;
      const entradas = proximas().map(({ tipo, bytes }) => ({ tipo, bytes: comEndereco(bytes) }));
      const juntas = new Uint8Array(
        await new Blob(entradas.map(({ bytes }) => bytes as BufferSource)).arrayBuffer(),
      );
      let esperadas = prever(juntas);
      const bytes = juntas.subarray(0, esperadas.fecha);
      // Um PUT a estas não seria um ataque: não se manda.
      const intocaveis = [...esperadas.escritas].some((key) =>
        /^(canário|normal|forjada) /.test(key)
      );
      if (intocaveis) continue;
      feitas += entradas.length;
      for (const { tipo } of entradas) contar(contas.entradas, tipo);
      const acabar = acaso.um(ACABARES);
      const tls = (bytes[0] === 0x15 || bytes[0] === 0x16) && bytes[1] === 3;
      const pedacos = tls || acaso.inteiro(0, 3) > 0 ? [] : Array.from(
        { length: acaso.inteiro(1, 20) },
        () => acaso.inteiro(0, bytes.length),
      ).sort((a, b) => a - b);
      if (tls) {
        // O servidor percebe, diz por quê, uma vez, e fecha.
        esperadas = { ...prever(codificador.encode("\n")), fecha: bytes.length };
      }
      for (const key of esperadas.escritas) escritas.add(key);
      contar(contas.sessoes, acabar);
      const qual = acaso.inteiro(0, enderecos.length - 1);
      let quebra: string | undefined;
      try {
        const respostas = contas.respostas;
        quebra = await sessao(enderecos[qual]!, bytes, esperadas, acabar, pedacos, respostas);
      } catch (erro) {
        quebra = (erro as Error).message;
      }
      if (quebra) {
        quebras.push(`entradas a partir da ${n}, servidor ${qual + 1}, ${acabar}: ${quebra}`);
        if (GUARDAR) await Deno.writeFile(`${GUARDAR}/sessao-${n}.bin`, bytes);
      }
    }
  };
  /** Os endereços que só existem nesta corrida. */
  const comEndereco = (bytes: Uint8Array): Uint8Array => {
    if (bytes.length > 10_000 || !bytes.includes(0x4a)) return bytes; // "J", de JOIN.
    const texto = new TextDecoder().decode(bytes);
    if (!/"(LIDER|SEGUIDOR)"/.test(texto)) return bytes;
    return codificador.encode(
      texto.replaceAll('"LIDER"', `"${enderecos[0]}"`)
        .replaceAll('"SEGUIDOR"', `"${enderecos[1]}"`),
    );
  };
  await Promise.all(Array.from({ length: SESSOES }, laco));
  return quebras;
}

/** Pasta onde guardar as sessões que deram errado (`--guardar`). */
let GUARDAR: string | undefined;

// --- O cliente normal, noutra thread -------------------------------------------

/** O cliente normal, visto de quem ataca. */
class Normal {
  readonly #worker = new Worker(import.meta.url, { type: "module" });
  #resposta = Promise.withResolvers<Janela>();

  constructor(enderecos: readonly string[]) {
    this.#worker.onmessage = ({ data }: MessageEvent<Janela>) => this.#resposta.resolve(data);
    this.#worker.postMessage({ enderecos });
  }

  /** Como foi desde a última vez; `fim`, e acaba. */
  async janela(fim = false): Promise<Janela> {
    this.#resposta = Promise.withResolvers<Janela>();
    this.#worker.postMessage({ fim });
    return await this.#resposta.promise;
  }

  /** Para de pedir, ou continua. */
  parar(parado: boolean): void {
    this.#worker.postMessage({ parado });
  }

  [Symbol.dispose]() {
    this.#worker.terminate();
  }
}

function percentil(duracoes: number[], fracao: number): number {
  const ordem = duracoes.toSorted((a, b) => a - b);
  return ordem[Math.min(ordem.length - 1, Math.floor(ordem.length * fracao))] ?? NaN;
}

/** O laço do cliente normal: PUTs e GETs nas suas keys, e cada GET conferido. */
function serNormal(): void {
  const principal = globalThis as unknown as {
    onmessage: (
      evento: MessageEvent<{ enderecos?: string[]; fim?: boolean; parado?: boolean }>,
    ) => void;
    postMessage(janela: Janela): void;
  };
  let [puts, gets, quebras]: [number[], number[], string[]] = [[], [], []];
  let [acabou, calado] = [false, false];
  let laco = Promise.resolve();
  const trabalhar = async (enderecos: string[]) => {
    await using cliente = new Cliente(enderecos);
    // De cada key: o menor número que um GET pode devolver, e o último escrito.
    const keys = Array.from({ length: NORMAIS }, () => ({ menor: 0, maior: 0 }));
    for (let n = 1; !acabou; n++) {
      while (calado && !acabou) await pausar(20);
      const qual = n * 7 % NORMAIS;
      const key = keys[qual]!;
      const inicio = performance.now();
      try {
        if (n % 4 === 0) {
          key.maior = n;
          await cliente.put(keyNormal(qual), `${n} ${"x".repeat(100)}`);
          key.menor = n;
        } else {
          const { value, tipo } = await cliente.get(keyNormal(qual));
          const numero = parseInt(value ?? "0");
          if (tipo !== "GET_OK" || numero < key.menor || numero > key.maior) {
            quebras.push(
              `o cliente normal leu ${tipo} ${numero}, fora de ${key.menor} a ${key.maior}`,
            );
          }
          key.menor = Math.max(key.menor, numero);
        }
      } catch (erro) {
        quebras.push(`o cliente normal falhou: ${(erro as Error).message}`);
        await pausar(100);
      }
      (n % 4 === 0 ? puts : gets).push(performance.now() - inicio);
    }
  };
  principal.onmessage = async ({ data: { enderecos, fim, parado } }) => {
    if (parado !== undefined) {
      calado = parado;
      return;
    }
    if (enderecos) {
      laco = trabalhar(enderecos);
      return;
    }
    if (fim) {
      acabou = true;
      await laco;
    }
    const p99 = { put: percentil(puts, 0.99), get: percentil(gets, 0.99) };
    principal.postMessage({ operacoes: puts.length + gets.length, p99, quebras });
    [puts, gets, quebras] = [[], [], []];
  };
}

// --- Lentos, gulosos e muitos --------------------------------------------------

type Agressor = (enderecos: readonly string[], segundos: number) => Promise<void>;

/** Muitas conexões que mandam um byte por segundo. */
const lentas: Agressor = async (enderecos, segundos) => {
  const bytes = codificador.encode(linha({ tipo: "GET", id: 1, key: keyDoCanario(1) }));
  await Promise.all(Array.from({ length: LENTAS }, async (_, n) => {
    await pausar(n);
    const conn = await discar(enderecos[n % enderecos.length]!);
    try {
      for (let s = 0; s < segundos; s++) {
        await escrever(conn, bytes.subarray(s % bytes.length, s % bytes.length + 1));
        await pausar(1_000);
      }
    } finally {
      fechar(conn);
    }
  }));
};

/** Muitos que pedem um value de 900 KB, muitas vezes, e não leem. */
const gulosos = (quantos: number): Agressor => async (enderecos, segundos) => {
  const pedidos = codificador.encode(linha({ tipo: "GET", id: 1, key: GORDA }).repeat(20));
  await Promise.all(Array.from({ length: quantos }, async (_, n) => {
    await pausar(n * 5);
    const conn = await discar(enderecos[n % enderecos.length]!);
    // O servidor pode derrubá-lo: é o que merece.
    await escrever(conn, pedidos).catch(() => {});
    await pausar(segundos * 1_000);
    fechar(conn);
  }));
};

/**
 * Um que abre e fecha conexões: caladas, no meio de uma linha, ou com um pedido. Todas
 * na duração da fase; com zero segundos, tão depressa quanto consegue.
 */
const abreEFecha: Agressor = async (enderecos, segundos) => {
  const inicio = performance.now();
  const restos = ["", '{"tipo":"GET","id":1', linha({ tipo: "GET", key: keyDoCanario(1) })]
    .map((texto) => codificador.encode(texto));
  for (let n = 0; n < ABERTAS; n++) {
    const adiantado = inicio + segundos * 1_000 * n / ABERTAS - performance.now();
    if (adiantado > 1) await pausar(adiantado);
    const conn = await discar(enderecos[n % enderecos.length]!);
    await escrever(conn, restos[n % restos.length]!).catch(() => {});
    fechar(conn);
  }
};

/** Muitos que pedem para entrar no grupo, de endereços onde ninguém responde. */
const joins: Agressor = async (enderecos, segundos) => {
  using mudo = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const alvos = [`127.0.0.1:${mudo.addr.port}`, "127.0.0.1:1", ...enderecos];
  const fim = performance.now() + segundos * 1_000;
  await Promise.all(Array.from({ length: EM_PARALELO }, async (_, n) => {
    while (performance.now() < fim) {
      const conn = await discar(enderecos[0]!);
      for (const [id, endereco] of alvos.entries()) {
        const token = crypto.randomUUID();
        await escrever(conn, codificador.encode(linha({ tipo: "JOIN", id, endereco, token })));
      }
      await pausar(50 + n);
      fechar(conn);
    }
  }));
};

/** Lotes enormes sem parar, lidos. */
const lotes: Agressor = async (enderecos, segundos) => {
  const bytes = codificador.encode(`[${Array(100_000).fill("{}").join(",")}]\n`);
  const fim = performance.now() + segundos * 1_000;
  await Promise.all(enderecos.map(async (endereco) => {
    const lixo = new Uint8Array(256 * 1024);
    while (performance.now() < fim) {
      const conn = await discar(endereco);
      await escrever(conn, bytes);
      await conn.closeWrite();
      while (await conn.read(lixo) !== null);
      fechar(conn);
    }
  }));
};

const FASES: readonly (readonly [string, Agressor, "prometida" | "a mais"])[] = [
  [`${LENTAS} conexões lentas`, lentas, "prometida"],
  [`${GULOSOS} gulosos`, gulosos(GULOSOS), "prometida"],
  [`${ABERTAS} conexões abertas e fechadas`, abreEFecha, "prometida"],
  [`${GULOSOS_DEMAIS} gulosos`, gulosos(GULOSOS_DEMAIS), "a mais"],
  [`${ABERTAS} conexões sem parar`, (enderecos) => abreEFecha(enderecos, 0), "a mais"],
  ["JOINs sem resposta", joins, "a mais"],
  ["lotes de 100 000", lotes, "a mais"],
];

// --- A corrida -----------------------------------------------------------------

/** Memória residente de um processo, em MiB; `NaN` onde não há `ps`. */
export async function memoriaDe(pid: number): Promise<number> {
  try {
    const { stdout } = await new Deno.Command("ps", { args: ["-o", "rss=", "-p", String(pid)] })
      .output();
    return parseInt(new TextDecoder().decode(stdout)) / 1024;
  } catch {
    return NaN;
  }
}

function memorias(programas: readonly Programa[]): Promise<number[]> {
  return Promise.all(programas.map(({ pid }) => memoriaDe(pid)));
}

/** Manda o V8 de um processo recolher o lixo, pelo inspetor dele; devolve o que ficou, em MiB. */
async function memoriaViva(portaDoInspetor: number): Promise<number> {
  const alvos = await (await fetch(`http://127.0.0.1:${portaDoInspetor}/json`)).json();
  const inspetor = new WebSocket(alvos[0].webSocketDebuggerUrl);
  const evento = (nome: "open" | "message" | "close") =>
    new Promise<Event>((resolver) => inspetor.addEventListener(nome, resolver, { once: true }));
  await evento("open");
  let ultimo = 0;
  const pedir = async (method: string) => {
    const id = ++ultimo;
    inspetor.send(JSON.stringify({ id, method }));
    for (;;) {
      const lida = JSON.parse((await evento("message") as MessageEvent<string>).data);
      if (lida.id === id) return lida.result;
    }
  };
  await pedir("HeapProfiler.enable");
  await pedir("HeapProfiler.collectGarbage");
  const { usedSize, backingStorageSize } = await pedir("Runtime.getHeapUsage");
  inspetor.close();
  await evento("close");
  return (usedSize + backingStorageSize) / 2 ** 20;
}

/** O que um servidor tem de cada key, em poucas palavras. */
async function lerTabela(endereco: string, keys: readonly string[]): Promise<Map<string, string>> {
  await using fio = await Fio.abrir(endereco);
  const tabela = new Map<string, string>();
  for (let n = 0; n < keys.length; n += 200) {
    const lote = keys.slice(n, n + 200);
    await fio.enviar(lote.map((key, id) => ({ tipo: "GET", id, key })));
    for (const { key, value, timestamp } of await fio.receberVarias(lote.length)) {
      tabela.set(key, value === null ? "nada" : `${timestamp} ${value}`);
    }
  }
  return tabela;
}

/** Compara as tabelas dos três, os canários e o que nunca devia existir. */
async function conferirTabelas(
  enderecos: readonly string[],
  escritas: ReadonlySet<string>,
): Promise<string[]> {
  const keys = [
    ...CANARIO.keys(),
    ...escritas,
    ...Array.from({ length: NORMAIS }, (_, n) => keyNormal(n)),
    ...Array.from({ length: 50 }, (_, n) => `forjada ${n}`),
  ];
  const quebras: string[] = [];
  const ler = () => Promise.all(enderecos.map((endereco) => lerTabela(endereco, keys)));
  let tabelas = await ler();
  const iguais = (key: string) => new Set(tabelas.map((tabela) => tabela.get(key))).size === 1;
  // Quem não lê pode ter mandado um PUT que ainda chega: dá-se tempo.
  for (let n = 0; n < 20 && !keys.every(iguais); n++) {
    await pausar(250);
    tabelas = await ler();
  }
  for (const key of keys) {
    const valores = tabelas.map((tabela) => tabela.get(key) ?? "sem resposta");
    const oQue = `${JSON.stringify(key.slice(0, 40))}: ${
      valores.map((v) => v.slice(0, 40)).join(" | ")
    }`;
    if (!iguais(key)) quebras.push(`tabelas diferentes em ${oQue}`);
    const canario = CANARIO.get(key);
    if (canario !== undefined && valores.some((valor) => valor.replace(/^\d+ /, "") !== canario)) {
      quebras.push(`canário mudado: ${oQue}`);
    }
    if (key.startsWith("forjada ") && valores.some((valor) => valor !== "nada")) {
      quebras.push(`uma mensagem forjada mudou a tabela: ${oQue}`);
    }
  }
  return quebras;
}

/** Pedidos válidos de todo tamanho, por algumas conexões ao mesmo tempo. */
async function usarTudo(endereco: string): Promise<void> {
  await Promise.all(Array.from({ length: SESSOES }, async () => {
    await using fio = await Fio.abrir(endereco);
    for (let n = 0; n < 10; n++) {
      await fio.pedir({ tipo: "PUT", id: n, key: GORDA, value: GORDO });
      await fio.pedir({ tipo: "GET", id: n, key: GORDA });
      const lote = Array.from({ length: 10_000 }, (_, id) => ({ tipo: "PULSE", id }));
      await fio.enviar(lote);
      await fio.receberVarias(lote.length);
    }
  }));
}

/** Faz uma corrida e a verifica. */
export async function correr(plano: Plano): Promise<Relatorio> {
  const contas = {
    entradas: new Map<string, number>(),
    respostas: new Map<string, number>(),
    sessoes: new Map<string, number>(),
  };
  const quebras: string[] = [];
  const excessos: string[] = [];
  const fases: (Janela & { nome: string })[] = [];
  const opcoes = plano.silencioso ? ["--silencioso"] : [];
  const inspetores = plano.segundos > 0 ? portasLivres(3) : [];
  await using tres = await iniciarTresProgramas(
    { 0: opcoes, 1: opcoes, 2: opcoes },
    inspetores.map((porta) => [`--inspect=127.0.0.1:${porta}`]),
  );
  const { programas, enderecos } = tres;
  // O que mostram não cabe todo na memória.
  const pico = [0, 0, 0];
  let observando = true;
  const observar = async () => {
    while (observando) {
      for (const programa of programas) programa.saida = "";
      for (const [n, mib] of (await memorias(programas)).entries()) {
        pico[n] = Math.max(pico[n]!, mib);
      }
      await pausar(250);
    }
  };
  const observador = observar();
  await using _observador = {
    [Symbol.asyncDispose]() {
      observando = false;
      return observador;
    },
  };
  {
    await using cliente = new Cliente(enderecos);
    for (const [key, value] of CANARIO) await cliente.put(key, value);
  }

  using normal = new Normal(enderecos);
  const fase = async (nome: string, agressor: () => Promise<unknown>) => {
    await normal.janela();
    try {
      await agressor();
    } catch (erro) {
      quebras.push(`${nome}: ${(erro as Error).message}`);
    }
    const janela = await normal.janela();
    fases.push({ nome, ...janela });
    quebras.push(...janela.quebras.slice(0, 5).map((quebra) => `${nome}: ${quebra}`));
    if (janela.operacoes === 0) quebras.push(`${nome}: o cliente normal parou`);
    return janela;
  };

  // Aquecidos pela mesma carga, e por pedidos válidos de todo tamanho, para que o antes e
  // o depois se comparem: o que a primeira linha de 900 KB ou o primeiro lote ocupam não é do ataque.
  if (plano.segundos > 0) {
    await Promise.all(enderecos.map(usarTudo));
    await pausar(Math.max(5, plano.segundos) * 1_000);
  }
  await fase("sozinho", () => pausar(Math.max(0.5, plano.segundos) * 1_000));
  // A memória, sempre medida em repouso: com pedidos a chegar, o V8 guarda o lixo para depois.
  const memoria = programas.map(() => [] as Memoria[]);
  const medirEmRepouso = async (quando: string) => {
    if (plano.segundos === 0) return;
    normal.parar(true);
    await pausar(REPOUSO_MS);
    const vivas = await Promise.all(inspetores.map(memoriaViva));
    for (const [n, residente] of (await memorias(programas)).entries()) {
      memoria[n]!.push({ quando, viva: vivas[n]!, residente });
    }
    normal.parar(false);
  };
  await medirEmRepouso("só com a carga normal");
  const escritas = new Set<string>();
  await fase("entradas", async () => {
    quebras.push(...await fuzz(plano, enderecos, contas, escritas));
  });
  await medirEmRepouso("depois das entradas");
  if (plano.segundos > 0) {
    for (const [nome, agressor, promessa] of FASES) {
      await pausar(1_000);
      const sozinho = await fase("sozinho", () => pausar(3_000));
      const { p99 } = await fase(nome, () => agressor(enderecos, plano.segundos));
      for (const tipo of ["put", "get"] as const) {
        const razao = p99[tipo] / sozinho.p99[tipo];
        if (promessa === "prometida" && razao > P99_MAX) {
          excessos.push(
            `${nome}: p99 de ${tipo.toUpperCase()} ${razao.toFixed(1)} vezes o de sozinho`,
          );
        }
      }
    }
  }
  await medirEmRepouso("no fim");
  for (const [n, [normal, ...outras]] of memoria.entries()) {
    for (const medida of outras) {
      for (const qual of ["viva", "residente"] as const) {
        const [agora, antes] = [medida[qual], normal![qual]];
        if (agora <= antes * MEMORIA_MAX) continue;
        const conta = `${agora.toFixed(1)} MiB, de ${antes.toFixed(1)}`;
        excessos.push(`memória ${qual} do servidor ${n + 1}, ${medida.quando}: ${conta}`);
      }
    }
  }
  quebras.push(...(await normal.janela(true)).quebras);
  quebras.push(...await conferirTabelas(enderecos, escritas));
  for (const [n, { acabou, erros }] of programas.entries()) {
    if (acabou) quebras.push(`o servidor ${n + 1} acabou`);
    const linhas = erros.split("\n").filter((linha) => linha && !AVISOS_CONHECIDOS.test(linha));
    quebras.push(...linhas.slice(0, 10).map((linha) => `stderr do servidor ${n + 1}: ${linha}`));
  }
  return {
    ...contas,
    memoria: memoria.map((medidas, n) => ({ medidas, pico: pico[n]! })),
    fases,
    quebras,
    excessos,
  };
}

/** Uma corrida em poucas linhas: o plano, o que houve e o veredito. */
export function resumir(plano: Plano, relatorio: Relatorio): string {
  const { entradas, respostas, sessoes, memoria, fases, quebras, excessos } = relatorio;
  const soma = (mapa: ReadonlyMap<string, number>) => [...mapa.values()].reduce((a, b) => a + b, 0);
  const lista = (mapa: ReadonlyMap<string, number>) =>
    [...mapa].sort(([, a], [, b]) => b - a).map(([nome, vezes]) => `${vezes} ${nome}`).join(", ");
  let sozinho: Janela | undefined;
  const linhas = fases.map((fase) => {
    const { nome, operacoes, p99 } = fase;
    if (nome === "sozinho") sozinho = fase;
    const p = (tipo: "put" | "get") =>
      `${tipo.toUpperCase()} ${p99[tipo].toFixed(2)} ms` +
      (nome === "sozinho" ? "" : ` (×${(p99[tipo] / sozinho!.p99[tipo]).toFixed(1)})`);
    return `  ${nome}: ${operacoes} operações, ${p("put")}, ${p("get")}`;
  });
  return [
    `semente ${plano.semente}, ${soma(entradas)} entradas em ${soma(sessoes)} sessões, ` +
    `${soma(respostas)} respostas conferidas`,
    `entradas: ${lista(entradas)}`,
    `sessões: ${lista(sessoes)}`,
    `respostas: ${lista(respostas)}`,
    "p99 do cliente normal:",
    ...linhas,
    "memória viva e residente (MiB):",
    ...memoria.map(({ medidas, pico }, n) =>
      `  servidor ${n + 1}: ` + medidas.map(({ quando, viva, residente }) =>
        `${viva.toFixed(1)} e ${residente.toFixed(0)} ${quando}, `
      ).join("") + `${pico.toFixed(0)} no pico`
    ),
    quebras.length === 0 ? "nenhuma quebra" : `QUEBRAS (${quebras.length}):`,
    ...quebras.slice(0, 30).map((quebra) => `  ${quebra}`),
    excessos.length === 0 ? "tempos e memória dentro do prometido" : "ALÉM DO PROMETIDO:",
    ...excessos.map((excesso) => `  ${excesso}`),
  ].join("\n");
}

// `import.meta.main` também é verdadeiro no Worker, de que este é o módulo principal.
if ("DedicatedWorkerGlobalScope" in globalThis) serNormal();
else if (import.meta.main) {
  const plano = lerOpcoes(
    "ataque [--entradas=N] [--semente=N] [--segundos=N] [--silencioso] [--guardar=PASTA]",
    { textos: ["entradas", "semente", "segundos", "guardar"], sinais: ["silencioso"] },
    (lidos) => {
      GUARDAR = lidos.opcoes.guardar;
      return {
        entradas: lerOpcao(lidos, "entradas", inteiroEntre(0, 100_000_000)) ?? 100_000,
        segundos: lerOpcao(lidos, "segundos", inteiroEntre(0, 1_000_000)) ?? 10,
        semente: lerOpcao(lidos, "semente", inteiroEntre(0, 2 ** 31 - 1)) ??
          Math.floor(Math.random() * 2 ** 31),
        silencioso: lidos.opcoes.silencioso !== undefined,
      };
    },
  );
  naoDeixarProgramas();
  const mostrar = (texto: string) => Deno.stdout.writeSync(codificador.encode(texto + "\n"));
  mostrar(`semente ${plano.semente}`);
  const relatorio = await correr(plano);
  mostrar(resumir(plano, relatorio));
  Deno.exit(relatorio.quebras.length + relatorio.excessos.length === 0 ? 0 : 1);
}
