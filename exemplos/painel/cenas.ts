/**
 * As cenas prontas: cada uma pede o que uma pessoa pediria, espera pelas mensagens que fazem a
 * história, e deixa tudo sarado.
 *
 * @module
 */

import type { Conteudo } from "../../ferramentas/diagrama/setas.ts";
import { textoDoErro } from "../../lib/texto.ts";
import { type Montagem, SERVIDORES } from "./montagem.ts";
import type { Noticia } from "./noticias.ts";
import type { Cena, Pedido, Quem } from "./tipos.ts";

/** Quanto as coisas demoram numa cena, em milissegundos. */
export interface Ritmo {
  /** Tudo: o que um olho segue. */
  readonly visivel: number;
  /** O que chega tarde: dá tempo ao resto. */
  readonly tarde: number;
}

/** O ritmo de uma aula. */
export const RITMO: Ritmo = { visivel: 700, tarde: 9_000 };

/** O que uma cena pode fazer, e em que corre. */
export interface Palco {
  readonly ritmo: Ritmo;
  readonly montagem: Montagem;
  pedir(pedido: Pedido): Promise<void>;
  esperar(serve: (noticia?: Noticia) => boolean, sinal: AbortSignal): Promise<void>;
}

/** Uma cena, e como se encena. */
export interface CenaPronta extends Cena {
  encenar(direcao: Direcao): Promise<void>;
}

/** Uma cena que está a correr. */
export interface Encenacao {
  readonly cena: Cena;
  /** Cumprida quando acabou, ou se desistiu dela; nunca falha. */
  readonly fim: Promise<void>;
  /** Por que não chegou ao fim; `undefined`, chegou ou ainda corre. */
  readonly erro: string | undefined;
  desistir(): void;
}

/** As cenas, pela ordem da aula. */
export const CENAS: readonly CenaPronta[] = [
  {
    id: "seguidor",
    titulo: "Um PUT por um seguidor",
    olhe:
      "O seguidor não grava: encaminha ao líder (FORWARD), e o PUT_OK só sai depois de os três " +
      "servidores terem o value.",
    async encenar({ put, chega }) {
      await put("x", "cor", "azul", "s2");
      await chega("s2", "x", { tipo: "PUT_OK", key: "cor" });
    },
  },
  {
    id: "try",
    titulo: "TRY_OTHER_SERVER_OR_LATER",
    olhe: "Y já viu o value novo no servidor 2: o servidor 3, onde ele ainda não chegou, não lhe " +
      "devolve o antigo.",
    async encenar({ put, get, chega, pedir, ritmo }) {
      await put("x", "cor", "azul", "s1");
      await chega("s1", "x", { tipo: "PUT_OK", key: "cor" });
      await pedir({ pedir: "atraso-elo", de: "s1", para: "s3", sentido: "ida", ms: ritmo.tarde });
      await put("x", "cor", "verde", "s1");
      await chega("s1", "s2", { tipo: "REPLICATION", key: "cor", value: "verde" });
      await get("y", "cor", "s2");
      await chega("s2", "y", { tipo: "GET_OK", key: "cor", value: "verde" });
      await get("y", "cor", "s3");
      await chega("s3", "y", { tipo: "TRY_OTHER_SERVER_OR_LATER", key: "cor" });
      await pedir({ pedir: "atraso-elo", de: "s1", para: "s3", sentido: "ida", ms: 0 });
      await chega("s1", "s3", { tipo: "REPLICATION", key: "cor", value: "verde" });
      await get("y", "cor", "s3");
      await chega("s3", "y", { tipo: "GET_OK", key: "cor", value: "verde" });
      await chega("s1", "x", { tipo: "PUT_OK", key: "cor" }, 2);
    },
  },
  {
    id: "morre",
    titulo: "Um seguidor morre e volta",
    olhe:
      "Sem o servidor 3 o PUT espera; quando ele volta, vazio, recebe o que lhe falta (ENTRY), " +
      "e só então o PUT segue.",
    async encenar({ put, get, chega, sai, pedir }) {
      await put("x", "cor", "azul", "s1");
      await chega("s1", "x", { tipo: "PUT_OK", key: "cor" });
      await pedir({ pedir: "matar", servidor: "s3" });
      await put("x", "sabor", "doce", "s1");
      await chega("x", "s1", { tipo: "PUT", key: "sabor" });
      await get("y", "sabor", "s2");
      await chega("s2", "y", { tipo: "GET_OK", key: "sabor" });
      await pedir({ pedir: "iniciar", servidor: "s3", dados: false });
      await sai("s1", "s3", { tipo: "ENTRY", key: "cor" });
      await chega("s1", "s3", { tipo: "JOIN_OK" });
      await chega("s1", "x", { tipo: "PUT_OK", key: "sabor" });
    },
  },
  {
    id: "lider",
    titulo: "O líder morre no meio de um PUT",
    olhe:
      "X não sabe se o PUT aconteceu; o líder volta vazio, busca-o no servidor 2, que o tinha, " +
      "e leva-o ao servidor 3, que não o tinha (o próximo timestamp salta: nenhum se repete).",
    async encenar({ put, get, chega, pedir, emDia, ritmo }) {
      await pedir({ pedir: "atraso-elo", de: "s1", para: "s3", sentido: "ida", ms: ritmo.tarde });
      await put("x", "cor", "roxo", "s2");
      await chega("s1", "s2", { tipo: "REPLICATION", key: "cor", value: "roxo" });
      await pedir({ pedir: "matar", servidor: "s1" });
      await chega("s2", "x", { tipo: "ERRO" });
      await pedir({ pedir: "atraso-elo", de: "s1", para: "s3", sentido: "ida", ms: 0 });
      await pedir({ pedir: "iniciar", servidor: "s1", dados: false });
      await chega("s1", "s3", { tipo: "ENTRY", key: "cor", value: "roxo" });
      await emDia();
      await get("y", "cor", "s3");
      await chega("s3", "y", { tipo: "GET_OK", key: "cor", value: "roxo" });
    },
  },
  {
    id: "dois",
    titulo: "Dois clientes escrevem a mesma key",
    olhe:
      "O líder põe os dois PUTs por uma ordem, a dos timestamps, e os três servidores ficam com " +
      "o mesmo value.",
    async encenar({ put, get, chega }) {
      await put("x", "cor", "laranja", "s2");
      await put("y", "cor", "branco", "s3");
      await chega("s2", "x", { tipo: "PUT_OK", key: "cor" });
      await chega("s3", "y", { tipo: "PUT_OK", key: "cor" });
      await get("x", "cor", "s3");
      await get("y", "cor", "s2");
      await chega("s3", "x", { tipo: "GET_OK", key: "cor" });
      await chega("s2", "y", { tipo: "GET_OK", key: "cor" });
    },
  },
];

/** O que se sabe de uma mensagem que se espera. */
type Esperada = Conteudo;

/** O que se diz a uma cena. */
export interface Direcao {
  readonly ritmo: Ritmo;
  pedir(pedido: Pedido): Promise<void>;
  put(cliente: Quem, key: string, value: string, servidor: Quem): Promise<void>;
  get(cliente: Quem, key: string, servidor: Quem): Promise<void>;
  /** Espera que chegue, desde o princípio da cena, a k-ésima mensagem (a primeira) com estes campos. */
  chega(de: Quem, para: Quem, esperada: Esperada, k?: number): Promise<void>;
  /** Espera que saia uma. */
  sai(de: Quem, para: Quem, esperada: Esperada): Promise<void>;
  /** Espera que os três estejam em dia. */
  emDia(): Promise<void>;
}

/** Começa a encenar: sara tudo, encena, e volta a sarar. */
export function encenar(cena: CenaPronta, palco: Palco): Encenacao {
  const desistencia = new AbortController();
  const { signal } = desistencia;
  const encenacao = {
    cena,
    erro: undefined as string | undefined,
    desistir: () => desistencia.abort(new Error("Desistiu-se da cena")),
    fim: correr(),
  };
  return encenacao;

  async function correr(): Promise<void> {
    const { tudo } = palco.montagem.elos;
    const ouvir = new AbortController();
    try {
      await sarar(palco, signal);
      await palco.pedir({ pedir: "atraso-tudo", ms: palco.ritmo.visivel });
      await cena.encenar(dirigir(palco, signal, ouvir.signal));
      await sarar(palco, signal);
      await palco.esperar(() => palco.montagem.emCurso === 0, signal);
    } catch (erro) {
      if (!signal.aborted) encenacao.erro = textoDoErro(erro);
    } finally {
      ouvir.abort();
      palco.montagem.elos.sararTudo();
      palco.montagem.elos.tudo = tudo;
    }
  }
}

/** Nada atrasado nem cortado, os três a correr e em dia. */
async function sarar(palco: Palco, sinal: AbortSignal): Promise<void> {
  const { montagem } = palco;
  montagem.elos.sararTudo();
  const mortos = SERVIDORES.filter(({ quem }) => !montagem.vivo(quem));
  await Promise.all(mortos.map(({ quem }) => montagem.iniciar(quem, true)));
  await palco.esperar(() => montagem.emDia, sinal);
}

type Vista = Extract<Noticia, { tipo: "saiu" }> & { chegou: boolean };

/** As mãos de uma cena; `fim` diz quando ela acabou de olhar para o que passa. */
function dirigir(palco: Palco, sinal: AbortSignal, fim: AbortSignal): Direcao {
  /** As mensagens que saíram desde o princípio da cena, em ordem. */
  const vistas = new Map<number, Vista>();
  const olhar = (noticia?: Noticia) => {
    if (noticia?.tipo === "saiu") vistas.set(noticia.id, { ...noticia, chegou: false });
    const vista = noticia?.tipo === "chegou" ? vistas.get(noticia.id) : undefined;
    if (vista) vista.chegou = true;
    return false;
  };
  palco.esperar(olhar, fim).catch(() => {});
  const esperar = (serve: () => boolean) => palco.esperar(serve, sinal);
  // Uma resposta que chegou ainda tem de ser lida: só então o cliente sabe o timestamp que viu.
  const livre = (cliente: Quem) => esperar(() => !palco.montagem.ocupado(cliente));
  const quantas = (de: Quem, para: Quem, esperada: Esperada, chegou: boolean) =>
    [...vistas.values()].filter((vista) =>
      vista.de === de && vista.para === para && (vista.chegou || !chegou) &&
      Object.entries(esperada).every(([campo, valor]) => vista.mensagem[campo] === valor)
    ).length;
  return {
    ritmo: palco.ritmo,
    pedir: (pedido) => palco.pedir(pedido),
    async put(cliente, key, value, servidor) {
      await livre(cliente);
      await palco.pedir({ pedir: "PUT", cliente, key, value, servidor });
    },
    async get(cliente, key, servidor) {
      await livre(cliente);
      await palco.pedir({ pedir: "GET", cliente, key, servidor });
    },
    chega: (de, para, esperada, k = 1) => esperar(() => quantas(de, para, esperada, true) >= k),
    sai: (de, para, esperada) => esperar(() => quantas(de, para, esperada, false) > 0),
    emDia: () => esperar(() => palco.montagem.emDia),
  };
}
