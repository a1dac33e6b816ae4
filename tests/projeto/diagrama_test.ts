import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { desenhar, SETAS_MAX } from "../../ferramentas/diagrama.ts";
import { alturas } from "../../ferramentas/diagrama/escala.ts";
import { type Conteudo, type Evento, lerRastro, parear } from "../../ferramentas/diagrama/setas.ts";

const [LIDER, OUTRO, CLIENTE] = ["127.0.0.1:10097", "127.0.0.1:10098", "cliente 7"];

/** Uma ponta de uma conexão, num processo. */
interface Ponta {
  readonly quem: string;
  readonly ponta: string;
}
/** O líder disca para o outro de uma porta qualquer; o cliente, para o líder. */
const [DE_LIDER, DE_OUTRO]: [Ponta, Ponta] = [
  { quem: LIDER, ponta: "127.0.0.1:50001" },
  { quem: OUTRO, ponta: OUTRO },
];
const [DE_CLIENTE, AO_CLIENTE]: [Ponta, Ponta] = [
  { quem: CLIENTE, ponta: "127.0.0.1:50002" },
  { quem: LIDER, ponta: LIDER },
];

/** Uma mensagem que saiu e chegou nas horas dadas; sem uma delas, o evento não está no rastro. */
function passar(
  de: Ponta,
  para: Ponta,
  mensagem: Conteudo,
  saida: number | undefined,
  chegada: number | undefined,
): Evento[] {
  const enviou = { quem: de.quem, local: de.ponta, remoto: para.ponta, sentido: "enviou" } as const;
  const recebeu = {
    quem: para.quem,
    local: para.ponta,
    remoto: de.ponta,
    sentido: "recebeu",
  } as const;
  return [
    ...(saida === undefined ? [] : [{ ...enviou, quando: saida, mensagem }]),
    ...(chegada === undefined ? [] : [{ ...recebeu, quando: chegada, mensagem }]),
  ];
}

/** Um PUT confirmado: quatro mensagens, um segundo no meio. */
function umPut(key = "k", value = "v"): Evento[] {
  return [
    passar(DE_CLIENTE, AO_CLIENTE, { tipo: "PUT", id: 1, key, value }, 1000, 1000.2),
    passar(DE_LIDER, DE_OUTRO, { tipo: "REPLICATION", key, value, timestamp: 1 }, 1000.5, 1000.9),
    passar(DE_OUTRO, DE_LIDER, { tipo: "REPLICATION_OK", timestamp: 1 }, 2001, 2001.4),
    passar(AO_CLIENTE, DE_CLIENTE, { tipo: "PUT_OK", id: 1, key, timestamp: 1 }, 2002, 2002.3),
  ].flat();
}

function contar(svg: string, padrao: RegExp): number {
  return [...svg.matchAll(padrao)].length;
}

/** De onde a onde vai cada seta do desenho, em altura. */
function alturasDasSetas(svg: string): [number, number][] {
  const setas = svg.matchAll(
    /class="seta.*?<path d="M[\d.]+ ([\d.]+)L.*?<path d="M[\d.]+ ([\d.]+)L/gs,
  );
  return [...setas].map(([, y1, y2]) => [Number(y1), Number(y2)]);
}

// --- Ler ---------------------------------------------------------------------

Deno.test("lerRastro() lê o que abrirRastro() escreve e ignora uma linha cortada", () => {
  const eventos = umPut();
  const linhas = eventos.map((evento) => JSON.stringify(evento)).join("\n");
  assertEquals(lerRastro(linhas + '\n{"quando":2003,"quem":"cli'), eventos);
  assertEquals(lerRastro('\n[]\n7\nnull\n{"quando":1}\n'), []);
});

// --- Parear ------------------------------------------------------------------

Deno.test("parear() junta as duas pontas de cada mensagem, na ordem em que saíram", () => {
  const setas = parear(umPut().toReversed().sort((a, b) => a.quando - b.quando));
  assertEquals(setas.map(({ mensagem, de, para }) => [mensagem.tipo, de, para]), [
    ["PUT", CLIENTE, LIDER],
    ["REPLICATION", LIDER, OUTRO],
    ["REPLICATION_OK", OUTRO, LIDER],
    ["PUT_OK", LIDER, CLIENTE],
  ]);
  assertEquals([setas[1]!.saida, setas[1]!.chegada], [1000.5, 1000.9]);
});

Deno.test("parear() não confunde mensagens iguais: a k-ésima enviada é a k-ésima recebida", () => {
  const get = { tipo: "GET", id: 1, key: "k", timestamp: 0 };
  const setas = parear([1, 2, 3].flatMap((n) => passar(DE_CLIENTE, AO_CLIENTE, get, n, n + 10)));
  assertEquals(setas.map(({ saida, chegada }) => [saida, chegada]), [[1, 11], [2, 12], [3, 13]]);
});

Deno.test("parear() guarda as mensagens sem par, e acha o das seguintes", () => {
  const get = (id: number) => ({ tipo: "GET", id, key: "k", timestamp: 0 });
  const setas = parear([
    passar(DE_CLIENTE, AO_CLIENTE, get(1), 1, 2),
    passar(DE_CLIENTE, AO_CLIENTE, get(2), 3, undefined),
    passar(DE_CLIENTE, AO_CLIENTE, get(3), 5, 6),
    passar(AO_CLIENTE, DE_CLIENTE, { tipo: "ERRO", id: 9 }, undefined, 7),
  ].flat());
  assertEquals(setas.map(({ mensagem, saida, chegada }) => [mensagem.id, saida, chegada]), [
    [1, 1, 2],
    [2, 3, undefined],
    [3, 5, 6],
    [9, undefined, 7],
  ]);
  assertEquals(setas.map(({ para }) => para), [LIDER, LIDER, LIDER, CLIENTE]);
});

Deno.test("parear() acerta os relógios: nada chega antes de sair, nem a resposta antes do pedido", () => {
  // O relógio do outro servidor está 50 ms atrasado.
  const [pedido, resposta] = parear([
    passar(DE_LIDER, DE_OUTRO, { tipo: "SYNC", id: 1 }, 100, 51),
    passar(DE_OUTRO, DE_LIDER, { tipo: "SYNC_OK", id: 1 }, 52, 103),
  ].flat());
  assert(pedido!.saida! < pedido!.chegada!);
  assert(pedido!.chegada! <= resposta!.saida!);
  assert(resposta!.saida! < resposta!.chegada!);
});

Deno.test("parear() não perde nenhum evento, quaisquer que sejam as horas e as perdas", () => {
  const passagem = fc.record({
    volta: fc.boolean(),
    id: fc.integer({ min: 1, max: 3 }),
    saida: fc.option(fc.integer({ min: 0, max: 50 }), { nil: undefined }),
    chegada: fc.option(fc.integer({ min: 0, max: 50 }), { nil: undefined }),
  });
  fc.assert(fc.property(fc.array(passagem, { maxLength: 30 }), (passagens) => {
    const eventos = passagens.flatMap(({ volta, id, saida, chegada }) => {
      const [de, para] = volta ? [AO_CLIENTE, DE_CLIENTE] : [DE_CLIENTE, AO_CLIENTE];
      return passar(de, para, { tipo: "GET", id }, saida, chegada);
    });
    const setas = parear(eventos);
    const pontas = setas.flatMap(({ saida, chegada }) => [saida, chegada])
      .filter((hora) => hora !== undefined);
    assertEquals(pontas.length, eventos.length);
  }));
});

// --- A escala ----------------------------------------------------------------

Deno.test("alturas() guarda a ordem e uma distância mínima; mais tempo nunca é menos papel", () => {
  const espera = fc.double({ min: 0, max: 1e7, noNaN: true });
  fc.assert(fc.property(fc.array(espera, { minLength: 2, maxLength: 50 }), (esperas) => {
    const horas = esperas.map(((soma) => (ms: number) => soma += ms)(0));
    const ys = alturas(horas);
    const passos = ys.slice(1).map((y, n) => ({ ms: horas[n + 1]! - horas[n]!, px: y - ys[n]! }));
    passos.sort((a, b) => a.ms - b.ms);
    assert(passos.every(({ px }) => px >= 7.9 && px <= 40));
    for (const [n, { px }] of passos.slice(1).entries()) assert(px >= passos[n]!.px - 1e-6);
  }));
});

// --- O desenho ---------------------------------------------------------------

Deno.test("desenhar() faz uma seta para cada mensagem, que nunca sobe, e deixa fora os pulsos", () => {
  const pulso = passar(DE_LIDER, DE_OUTRO, { tipo: "PULSE", id: 5 }, 1500, 1501);
  const eventos = [...umPut(), ...pulso];
  const svg = desenhar(eventos);
  assertEquals(contar(svg, /class="seta/g), parear(umPut()).length);
  assertEquals(contar(desenhar(eventos, { pulsos: true }), /class="seta/g), 5);
  for (const tipo of ["PUT", "REPLICATION", "REPLICATION_OK", "PUT_OK"]) {
    assertMatch(svg, new RegExp(`>${tipo}</tspan>`));
  }
  const setas = alturasDasSetas(svg);
  assertEquals(setas.length, 4);
  for (const [y1, y2] of setas) assert(y2 > y1);
  assertMatch(svg, />⋯ 1 s</);
});

Deno.test("desenhar() não perde setas ao repartir as cenas, nem as sem par", () => {
  const eventos = [
    ...umPut(),
    ...passar(DE_CLIENTE, AO_CLIENTE, { tipo: "GET", id: 2 }, 3000, undefined),
  ];
  const cenas = [
    { titulo: "uma", quando: 1000.3 },
    { titulo: "vazia", quando: 2500 },
    { titulo: "outra", quando: 2600 },
  ];
  const svg = desenhar(eventos, { cenas, titulo: "Tudo" });
  assertEquals(contar(svg, /class="seta/g), 5);
  assertEquals(contar(svg, /class="seta sem-par/g), 1);
  assertMatch(svg, />1\. uma</);
  assertMatch(svg, />2\. outra</);
  assert(!svg.includes("vazia"));
});

Deno.test("desenhar() diz quem lidera, usa os nomes dados, e põe os clientes do lado de fora", () => {
  const svg = desenhar(umPut(), { nomes: { [LIDER]: "servidor 1", [CLIENTE]: "cliente X" } });
  assertMatch(svg, />servidor 1 \(líder\)</);
  assertMatch(svg, />cliente X</);
  assertMatch(desenhar(umPut()), />cliente A</);
  const x = (texto: string) => Number(new RegExp(`x="([\\d.]+)"[^>]*>${texto}<`).exec(svg)![1]);
  const [doCliente, doLider, doOutro] = [
    x("cliente X"),
    x("servidor 1 \\(líder\\)"),
    x("servidor"),
  ];
  assert((doLider - doCliente) * (doOutro - doLider) > 0);
});

Deno.test("desenhar() destaca TRY_OTHER_SERVER_OR_LATER: vermelho, em negrito, emoldurado", () => {
  const recusa = { tipo: "TRY_OTHER_SERVER_OR_LATER", id: 2, key: "k", timestamp: 1 };
  const svg = desenhar([...umPut(), ...passar(AO_CLIENTE, DE_CLIENTE, recusa, 3000, 3001)]);
  assertEquals(contar(svg, /class="seta recusa"/g), 1);
  assertMatch(
    svg,
    /<rect[^>]*stroke="#d1242f"[^>]*\/><text.*?fill="#d1242f" font-weight="bold">TRY_OTHER_SERVER_OR_LATER</,
  );
  assertEquals(contar(desenhar(umPut()), /recusa/g), 0);
});

Deno.test("desenhar() escapa o que XML não aceita, mostra o invisível e encurta o comprido", () => {
  const svg = desenhar(umPut(`<k&"'>`, "a\n\x1b\u202e\ufffe" + "x".repeat(5000)), {
    titulo: "<script>\x00",
    nomes: { [OUTRO]: "]]><b>" },
  });
  assert(svg.includes("&lt;k&amp;&quot;&#39;&gt;"));
  assert(svg.includes("a\\n\\x1b\\u202e"));
  assert(!svg.includes("x".repeat(400)));
  assert(!/<script|<b>/.test(svg));
  // deno-lint-ignore no-control-regex
  assert(!/[\x00-\x09\x0b-\x1f\ufffe\uffff]/.test(svg));
  assertEquals(contar(svg, /<[a-z]+[ >]/g) - contar(svg, /\/>/g), contar(svg, /<\/[a-z]+>/g));
});

Deno.test("desenhar() não mostra o token dos servidores, que o desenho publicaria", () => {
  const join = { tipo: "JOIN", id: 1, endereco: OUTRO, token: "segredo-1234" };
  const svg = desenhar(passar(DE_OUTRO, DE_LIDER, join, 1, 2));
  assertMatch(svg, />JOIN</);
  assert(!svg.includes("segredo-1234"));
});

Deno.test("desenhar() recusa um rastro sem mensagens, e um que ninguém leria", () => {
  assertThrows(() => desenhar([]), RangeError, "nenhuma mensagem");
  const demais = Array.from(
    { length: SETAS_MAX + 1 },
    (_, id) => passar(DE_CLIENTE, AO_CLIENTE, { tipo: "GET", id }, id, id + 0.5),
  );
  assertThrows(() => desenhar(demais.flat()), RangeError, `o limite é ${SETAS_MAX}`);
});
